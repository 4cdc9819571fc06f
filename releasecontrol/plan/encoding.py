"""Bytes of an uploaded plan to text, or a clear refusal. Pure.

    PlanRefused
    ├── EmptyPlan
    ├── BinaryPlan
    ├── PlanTooLarge
    ├── BrokenEncoding
    ├── TooManyLines
    └── TooDeeplyNested

A plan that was saved as UTF-8 and opened once as Mac Roman or Windows-1252 arrives with garbled
symbols ("mojibake"). Line by line the accident is played backwards: encode with the wrong codec,
decode as UTF-8. A line on which either step fails was not garbled and stays as it is.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from releases.refusals import Refused

MAX_BYTES = 1024 * 1024
MAX_LINES = 10_000

_SIGNATURES = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"\x7fELF",
)
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS)
_MAX_CONTROL_SHARE = 0.01


class PlanRefused(Refused):
    """This plan cannot be imported; nothing was stored."""


class EmptyPlan(PlanRefused):
    """The plan is empty; nothing was stored."""


class BinaryPlan(PlanRefused):
    """The file is not text: please upload the plan as Markdown; nothing was stored."""


class PlanTooLarge(PlanRefused):
    """The plan is larger than 1 MiB; nothing was stored."""


class BrokenEncoding(PlanRefused):
    """The plan is not valid UTF-8; nothing was stored."""


class TooManyLines(PlanRefused):
    """The plan has more than 10,000 lines; nothing was stored."""


class TooDeeplyNested(PlanRefused):
    """The plan nests quotes or lists too deeply; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Decoded:
    r"""Readable text with ``\n`` line ends, and the 1-based lines whose symbols were repaired."""

    text: str
    repaired_lines: tuple[int, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The lines without their ends; a final line end opens no further line."""
        return self.text.removesuffix("\n").split("\n")


def decode(data: bytes) -> Decoded:
    r"""The text of a plan file.

    Raises EmptyPlan, BinaryPlan, PlanTooLarge, BrokenEncoding (naming the first bad line) or
    TooManyLines. All are decided in linear time; the size is looked at first.

    >>> decode("a \u201a\u00dc\u00ed b".encode())
    Decoded(text='a → b', repaired_lines=(1,))
    """
    if len(data) > MAX_BYTES:
        raise PlanTooLarge(f"It has {len(data):,} bytes.")
    text = _unify_line_ends(_to_text(data))
    if not text.strip():
        raise EmptyPlan
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise TooManyLines(f"It has {len(lines):,}.")
    repaired = [repair(line) for line in lines]
    changed = tuple(
        n for n, (old, new) in enumerate(zip(lines, repaired, strict=True), 1) if old != new
    )
    return Decoded("\n".join(repaired), changed)


def repair(line: str) -> str:
    r"""The line with garbled symbols restored, or the line itself.

    >>> repair("caf\u221a\u00a9"), repair("caf\u00c3\u00a9"), repair("café ✅")
    ('café', 'café', 'café ✅')
    """
    if line.isascii():
        return line
    candidates = [one for encode in _CODECS if (one := _replay(line, encode)) is not None]
    return min(candidates, key=_oddness, default=line)


def _replay(line: str, encode: Callable[[str], bytes]) -> str | None:
    try:
        restored = encode(line).decode("utf-8")
    except UnicodeError:
        return None
    return restored if restored.replace("\t", " ").isprintable() else None


def _oddness(text: str) -> int:
    # A few texts can be played back through either codec; the wrong one leaves loose accents.
    return sum(unicodedata.category(character) in {"Mn", "Me", "Co"} for character in text)


def _encode_mac_roman(line: str) -> bytes:
    return line.encode("mac_roman")


def _encode_windows(line: str) -> bytes:
    # Five bytes have no character in cp1252; programs let them through as C1 control characters.
    return b"".join(c.encode("latin-1" if "\x80" <= c <= "\x9f" else "cp1252") for c in line)


_CODECS = (_encode_mac_roman, _encode_windows)


def _to_text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_or_refuse(data, "utf-16")
    data = data.removeprefix(codecs.BOM_UTF8)
    if _looks_binary(data):
        raise BinaryPlan
    return _decode_or_refuse(data, "utf-8")


def _decode_or_refuse(data: bytes, codec: str) -> str:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BrokenEncoding(f"The first bad byte is on line {line}.") from None
    if "\0" in text:
        raise BinaryPlan
    return text


def _looks_binary(data: bytes) -> bool:
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return (
        data.startswith(_SIGNATURES) or b"\0" in data or controls > len(data) * _MAX_CONTROL_SHARE
    )


def _unify_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
