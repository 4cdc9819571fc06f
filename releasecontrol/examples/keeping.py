"""Files with generated secrets that a database must agree with, across a kill at any line.

Written whole under a draft name, then told to the database, then given its real name: whoever finds
only the draft tells the database again, whoever finds the real name knows that both agree.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One process at a time in this directory; a killed one lets go by dying."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "example.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def draft_of(path: Path) -> Path:
    """Where a file's content waits until the database knows it."""
    return path.with_name(f"{path.name}.draft")


def read(path: Path) -> Any:
    """The file's JSON; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_draft(path: Path, content: Any) -> None:
    """Write the draft, whole or not at all, readable by its owner only."""
    half = path.with_name(f"{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    half.replace(draft_of(path))


def publish(path: Path) -> None:
    """The database knows what the draft says: give it its name."""
    draft_of(path).replace(path)
