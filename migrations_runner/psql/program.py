r"""What a script does, step by step, as far as it could not be settled before it runs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from migrations_runner.psql.arguments import Argument
from migrations_runner.psql.pieces import Inserted, Piece, Source


@dataclass(frozen=True, slots=True)
class Data:
    """The lines source[start:end] after a COPY; `block` is the hash of data kept elsewhere."""

    start: int
    end: int
    block: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement. `ending` is "", ``gset`` or ``gexec``; `certain` if it runs in any case."""

    source: Source = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)
    ending: str = ""
    prefix: str = ""
    data: Data | None = None
    certain: bool = True

    @property
    def settled(self) -> bool:
        """Whether all of its text is known before the run."""
        return not any(isinstance(piece, Inserted) and piece.text is None for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Command:
    """A backslash command that has to wait for the run: it prints, or its outcome is not known."""

    name: str
    arguments: tuple[Argument, ...]
    line: int
    column: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The steps up to the matching FileEnds come from one file."""


@dataclass(frozen=True, slots=True)
class FileEnds:
    """See FileBegins."""


Step = Query | Command | FileBegins | FileEnds

_REFERENCE = re.compile(r"\\data sha256=(?P<sha256>[0-9a-f]{64}) bytes=[0-9]+ lines=[0-9]+\r?\n?")


def reference_line(*, sha256: str, size: int, lines: int) -> str:
    """What stands in a script for data that is kept elsewhere; `size` in bytes."""
    return f"\\data sha256={sha256} bytes={size} lines={lines}\n"


def reference(data: str) -> str:
    """The hash in a reference line, or "" if the lines are the data themselves.

    >>> reference("1"), reference(reference_line(sha256="0" * 64, size=1, lines=1))[:3]
    ('', '000')
    """
    found = _REFERENCE.fullmatch(data) if data.startswith("\\data ") else None
    return found["sha256"] if found else ""
