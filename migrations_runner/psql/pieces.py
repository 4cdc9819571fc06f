"""A statement before its variables are put in, and after. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from migrations_runner.lexing import Lines
from migrations_runner.psql.marks import Variable


@dataclass(frozen=True, slots=True)
class Source:
    r"""One file. `name` is "" for the script itself; `via` is where the script has its ``\i``."""

    name: str
    text: str = field(repr=False)
    lines: Lines = field(repr=False, compare=False)
    via: tuple[int, int] | None = None

    def told(self, offset: int) -> tuple[str, int, int]:
        """Where in the script text[offset] is, and words for the file if that is another one."""
        line, column = self.lines.locate(offset)
        if self.via is None:
            return "", line, column
        return f"in {self.name}, line {line}, column {column}: ", *self.via


@dataclass(frozen=True, slots=True)
class Copied:
    """source[start:end] as it is."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """Other text in place of what begins at `start`."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Inserted:
    """A variable, and its value as it is written there; None while that is not known yet."""

    variable: Variable
    text: str | None


Piece = Copied | Fixed | Inserted


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text with its variables put in, which still knows where each character came from."""

    text: str
    source: Source
    #: (offset here, offset in the source, whether the stretch was copied), by offset.
    stretches: tuple[tuple[int, int, bool], ...] = field(repr=False)

    def source_offset(self, offset: int) -> int:
        """The place in the source of text[offset]; inside of a value, where its variable stands."""
        found = bisect_right(self.stretches, offset, key=lambda stretch: stretch[0]) - 1
        here, there, copied = self.stretches[max(found, 0)]
        return there + (offset - here if copied else 0)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column in the source of text[offset]."""
        return self.source.lines.locate(self.source_offset(offset))


def put_together(
    source: Source, pieces: Iterable[Piece], unknown: Callable[[Variable], str]
) -> Substituted:
    """The text of the pieces; `unknown` says what stands for a value that is not known."""
    texts, stretches, length = [], [], 0
    for piece in pieces:
        text, origin = _text(source, piece, unknown)
        stretches.append((length, origin, isinstance(piece, Copied)))
        texts.append(text)
        length += len(text)
    return Substituted("".join(texts), source, tuple(stretches) or ((0, 0, True),))


def _text(source: Source, piece: Piece, unknown: Callable[[Variable], str]) -> tuple[str, int]:
    if isinstance(piece, Copied):
        return source.text[piece.start : piece.end], piece.start
    if isinstance(piece, Fixed):
        return piece.text, piece.start
    text = unknown(piece.variable) if piece.text is None else piece.text
    return text, piece.variable.start
