"""Run a command that ends with whoever started it, even after that one's kill -9.

``python leash.py GRACE COMMAND...`` keeps one end of a pipe (its standard input) whose other end
only the starter holds. When the starter is gone the pipe ends: the command gets SIGTERM, and
after GRACE seconds the whole process group gets SIGKILL. Works wherever pipes do, and reaches
grandchildren, which PR_SET_PDEATHSIG does not. Standard library only: it starts in a blink.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST_PAUSE = 30.0
SETTLED_SECONDS = 60.0


@dataclass
class Pause:
    """How long to wait before the next start: twice as long each time, never more than 30 s."""

    seconds: float = 0.0

    def after(self, lived: float) -> float:
        """The pause after something that lived this many seconds.

        >>> pause = Pause()
        >>> [pause.after(1), pause.after(1), pause.after(1), pause.after(90)]
        [0.5, 1.0, 2.0, 0.5]
        """
        settled = lived >= SETTLED_SECONDS or not self.seconds
        self.seconds = 0.5 if settled else min(self.seconds * 2, LONGEST_PAUSE)
        return self.seconds


def start(
    command: Sequence[str],
    *,
    grace: float,
    env: Mapping[str, str] | None = None,
    output: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` on a leash, as leader of its own session and process group.

    `output` receives both standard output and error; None shares ours. SIGTERM sent to the
    returned process is passed on to the command, whose exit code it mirrors.
    """
    return subprocess.Popen(  # noqa: S603  (our own commands, never a person's words)
        [sys.executable, "-I", "-S", __file__, str(grace), *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        cwd=ROOT,
        env=None if env is None else dict(env),
        start_new_session=True,
    )


def exited(leashed: subprocess.Popen[bytes]) -> bool:
    """Has the command ended? Then whoever it left behind in its group is ended too."""
    if leashed.poll() is None:
        return False
    kill(leashed)
    return True


def stop(leashed: subprocess.Popen[bytes], *, grace: float) -> bool:
    """SIGTERM, `grace` seconds of patience, SIGKILL to the group. True if it went by itself."""
    leashed.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        leashed.wait(grace)
    by_itself = leashed.returncode is not None
    kill(leashed)
    return by_itself


def kill(leashed: subprocess.Popen[bytes]) -> None:
    """SIGKILL to whatever is left of the group, now. What it printed can still be read."""
    end_group(leashed.pid)
    leashed.wait()
    if leashed.stdin is not None:
        leashed.stdin.close()


def end_group(group: int) -> None:
    # ESRCH: nobody is left. macOS says EPERM of a group that holds only a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


# --- The other side: this file run as a script ------------------------------------------------
def _hold(grace: float, command: list[str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    asked_to_stop = False

    def pass_on(_signal: int, _frame: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603
    if asked_to_stop:  # the signal came while the command was being started
        child.terminate()
    threading.Thread(target=_watch, args=(child, grace), daemon=True).start()
    code = child.wait()
    if _starter_is_gone():
        os.killpg(0, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _watch(child: subprocess.Popen[bytes], grace: float) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    os.killpg(0, signal.SIGKILL)  # us too: nobody is left who would ask for an exit code


def _starter_is_gone() -> bool:
    ready, _, _ = select.select([0], [], [], 0)
    return bool(ready)  # nobody ever writes, so readable means ended


if __name__ == "__main__":
    sys.exit(_hold(float(sys.argv[1]), sys.argv[2:]))
