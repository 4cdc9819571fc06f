"""Make .venv and install what is pinned; run by any Python 3.11+ that has `venv`.

    python3 releasecontrol/bootstrap.py [GROUP...]

Standard library only. What is installed is remembered, so a second call does nothing; a call cut
off anywhere is simply done again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
PIP = "pip==26.3"  # `--group` needs 25.1


def wanted(groups: list[str]) -> dict[str, str]:
    """What must be installed, told so that any change of it tells a different story."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    story = {"requirements": (ROOT / "requirements.txt").read_text(), "pip": PIP, "at": str(VENV)}
    return story | {f"group {name}": json.dumps(known[name]) for name in groups}


def digests(story: dict[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in story.items()}


def works() -> bool:
    """Does the environment's Python run, from this place?"""
    try:
        done = subprocess.run(  # noqa: S603
            [PYTHON, "-c", "import pip, sys; print(sys.prefix)"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0 and Path(done.stdout.strip()).resolve() == VENV.resolve()


def make() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    print("Making .venv ...", flush=True)  # noqa: T201
    done = subprocess.run([sys.executable, "-m", "venv", VENV], check=False)  # noqa: S603
    if done.returncode or not works():
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            f"{sys.executable} could not make a virtual environment."
            " On Debian and Ubuntu: apt-get install python3-venv."
        )


def pip_install(*words: str | Path) -> None:
    command = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *words]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603
        sys.exit("pip could not install the dependencies; the first start needs a package index.")


def install(groups: list[str]) -> None:
    needed = digests(wanted(groups))
    have: dict[str, str] = {}
    if works():
        with contextlib.suppress(OSError, ValueError):
            have = json.loads(STAMP.read_text())
    else:
        make()
    if needed.items() <= have.items():
        return
    print("Installing pinned dependencies ...", flush=True)  # noqa: T201
    pip_install(PIP)
    chosen = [word for name in groups for word in ("--group", name)]
    pip_install("-r", "requirements.txt", *chosen)
    draft = STAMP.with_suffix(".new")
    # What another group brought stays installed only while the rest is the same.
    same = all(have.get(name) == digest for name, digest in needed.items() if name in have)
    draft.write_text(json.dumps((have if same else {}) | needed))
    draft.rename(STAMP)


def main() -> None:
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(sys.argv[1:])


if __name__ == "__main__":
    os.environ.pop("PIP_REQUIRE_VIRTUALENV", None)
    main()
