"""The processes of `make up`: each on a leash, its output in a log of bounded size."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from releasecontrol import leash

LOG_BYTES = 2_000_000
TAIL_LINES = 12
LEASH_SECONDS = 8.0  # a child's time to end in good order when `make up` was killed
#: What the terminal gets to see of a child's output; the log has all of it.
LOUD = re.compile(rb"\b(ERROR|CRITICAL)\b(?!.*: /readyz)|^Traceback |panicked at")


def say(text: str) -> None:
    """To the terminal, if it still is there."""
    with suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


@dataclass
class Log:
    """A file and its predecessor, each at most 2 MB; the last lines stay at hand."""

    path: Path
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def write(self, line: bytes) -> None:
        """A full disk loses the line and nothing else: children must never wait for a log."""
        self.tail.append(line.decode(errors="replace").rstrip())
        with suppress(OSError):
            if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
                self.path.replace(self.path.with_suffix(".log.1"))
            with self.path.open("ab") as file:
                file.write(line)


@dataclass
class Child:
    """One process to keep alive, or one step to do once."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Log
    grace: float = LEASH_SECONDS
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_due: float = 0.0
    pause: leash.Pause = field(default_factory=leash.Pause)
    rest: bytes = b""

    def start(self, now: float) -> None:
        self.started = now
        self.process = leash.start(
            self.command, grace=LEASH_SECONDS, env=self.env, output=subprocess.PIPE
        )
        assert self.process.stdout is not None  # noqa: S101  (asked for above)
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self) -> bool:
        """Move what the child has said into its log. False at the end of its output."""
        if self.process is None or self.process.stdout is None or self.process.stdout.closed:
            return False
        said = self.process.stdout.read()
        *lines, self.rest = (self.rest + (said or b"")).split(b"\n")
        for line in lines:
            self.log.write(line + b"\n")
            if LOUD.search(line):
                say(f"[{self.name}] {line.decode(errors='replace')}")
        return said != b""

    def ended(self) -> int | None:
        """The exit code, once the process and all it left behind are gone."""
        if self.process is None or not leash.exited(self.process):
            return None
        return self._forget(self.process)

    def kill(self) -> None:
        if self.process is not None:
            leash.kill(self.process)
            self._forget(self.process)

    def _forget(self, process: subprocess.Popen[bytes]) -> int:
        self.read()
        if process.stdout is not None:
            process.stdout.close()
        self.process = None
        return process.returncode

    def keep_alive(self, now: float) -> None:
        """Start again what ended by itself, ever more slowly."""
        code = self.ended()
        if code is not None:
            pause = self.pause.after(now - self.started)
            self.start_due = now + pause
            say(f"[{self.name}] ended with code {code}; starting it again in {pause:g} s")
        if self.process is None and now >= self.start_due:
            self.start(now)


def listen(children: Sequence[Child], seconds: float) -> None:
    """Wait for output, at most so long, and move all of it into the logs."""
    with selectors.DefaultSelector() as selector:
        for child in children:
            if child.process is not None and child.process.stdout is not None:
                selector.register(child.process.stdout, selectors.EVENT_READ, child)
        for key, _ in selector.select(seconds):
            child = key.data
            if not child.read():
                # Its output has ended before it has: give it the moment to do so.
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(seconds)


def stop_all(children: Sequence[Child], hurry: list[int]) -> None:
    """SIGTERM to all at once; SIGKILL to who is still there after its grace, or on a second ask.

    `hurry` collects the stop signals that came; a second one means now.
    """
    begun = time.monotonic()
    for child in children:
        if child.process is not None:
            child.process.terminate()
    while waiting := [child for child in children if child.process is not None]:
        listen(waiting, 0.1)
        lasted = time.monotonic() - begun
        for child in waiting:
            if child.ended() is None and (lasted > child.grace or len(hurry) > 1):
                say(f"[{child.name}] did not stop in {lasted:.0f} s and was killed")
                child.kill()
