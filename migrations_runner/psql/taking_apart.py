r"""Takes a script apart while it is read: its SQL, and the data behind each COPY. Pure.

Only the SQL and a little data are ever held at once, so a file may be larger than memory. In the
text that remains, a line ``\data sha256=… bytes=… lines=…`` stands for data that was kept apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from migrations_runner.lexing import BOM, tokens
from migrations_runner.psql.marks import CopyData, End, MetaCommand, lex
from migrations_runner.psql.program import reference_line

MOST_SQL = 5 * 1024 * 1024
#: Data up to this size stays in the text.
MOST_INLINE = 64 * 1024
_PIECE = 1 << 20
_ENDS = (b"\\.\n", b"\\.\r\n", b"\\.")


class TooMuchSql(ValueError):
    """The script's own text is too large, its data not counted."""


class Kept(NamedTuple):
    """What became of data that was kept apart; `size` in bytes."""

    sha256: str
    size: int
    lines: int


#: Keeps the data that it is given piece by piece.
Keep = Callable[[Iterator[bytes]], Kept]


@dataclass
class _Reader:
    """Pieces of a file, each a line or, of a long line, at most a megabyte."""

    file: BinaryIO
    fresh: bool = True  # whether the next piece begins a line

    def piece(self) -> tuple[bytes, bool]:
        """The next piece, empty at the end, and whether a line begins with it."""
        found, begins = self.file.readline(_PIECE), self.fresh
        self.fresh = found.endswith(b"\n")
        return found, begins

    def data(self) -> Iterator[bytes]:
        """The pieces up to the line that ends the data, which is taken, too."""
        while True:
            piece, begins = self.piece()
            if not piece or (begins and piece in _ENDS):
                return
            yield piece


def take_apart(file: BinaryIO, keep: Keep) -> str:
    """The script's text with references in place of large data, which `keep` has taken.

    Raises TooMuchSql, and UnicodeDecodeError for SQL that is not UTF-8.
    """
    reader, texts, tail, size, closing = _Reader(file), list[str](), bytearray(), 0, b""
    seen = False
    while piece := reader.piece()[0]:
        tail += piece
        size += len(piece)
        if size > MOST_SQL:
            raise TooMuchSql
        seen = seen or b"stdin" in piece.lower()
        if not seen or closing not in piece or not _may_end_a_copy(piece):
            continue
        text = tail.decode()
        ended, copies = _settled(text.removeprefix(BOM))
        closing = b"" if ended else _closing(text)
        if copies:
            texts += [text, *_data(reader.data(), keep)]
        elif ended:
            texts.append(text)
        if ended:
            tail.clear()
            seen = False
    return "".join([*texts, tail.decode()])


def _may_end_a_copy(piece: bytes) -> bool:
    """A cheap look, so that most lines are read only once."""
    ends = b";" in piece or b"\\copy" in piece.lower()
    return ends and piece.endswith(b"\n")


def _settled(text: str) -> tuple[bool, bool]:
    """Whether the text ends between two statements, and whether data comes next."""
    marks = lex(text)
    last = marks[-1] if marks else None
    if isinstance(last, CopyData):
        return True, True
    ended = isinstance(last, End | MetaCommand) and not text[last.end :].strip()
    return ended, False


def _closing(text: str) -> bytes:
    """What has to come before anything else can: the end of a quote or comment that is open.

    Without it a long body would be read again at each of its lines.
    """
    last = deque(tokens(text), maxlen=1)[0]
    if last.kind == "comment" and not last.text.endswith("*/"):
        return b"*/"
    if last.kind == "dollar":
        tag = last.text[: last.text.index("$", 1) + 1]
        return b"" if last.text.endswith(tag) and len(last.text) > len(tag) else tag.encode()
    return b""


def _data(pieces: Iterator[bytes], keep: Keep) -> Iterator[str]:
    """The lines of the data, or the line that refers to them; and the line that ends them."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > MOST_INLINE:
            kept = keep(_chained(held, pieces))
            yield reference_line(sha256=kept.sha256, size=kept.size, lines=kept.lines)
            break
    else:
        yield b"".join(held).decode()
    yield "\\.\n"


def _chained(held: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    while held:
        yield held.pop(0)
    yield from rest
