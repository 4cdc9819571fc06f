"""Walks a script as psql's own lexer does, and says what psql would act on. Pure.

psql knows strings, quoted names, dollar quotes and nested comments well enough to find three
things outside of them: its variables, its backslash commands, and data after ``COPY … FROM stdin``.
The rules are those of PostgreSQL's documentation of psql ("SQL Interpolation", "Meta-Commands") and
of its lexical structure, with standard_conforming_strings on. One difference is deliberate: in
``a[1:n]`` the ``:n`` is the end of a slice and never a variable.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from migrations_runner.depth import Depth

BOM = "\ufeff"

Form = Literal["raw", "literal", "identifier", "test"]


@dataclass(frozen=True, slots=True)
class Variable:
    """``:x``, ``:'x'``, ``:"x"`` or ``:{?x}`` at text[start:end]."""

    start: int
    end: int
    name: str
    form: Form


@dataclass(frozen=True, slots=True)
class MetaCommand:
    r"""``\name arguments`` at text[start:end], up to the end of its line or a ``\\``."""

    start: int
    end: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CopyData:
    """A whole ``COPY … FROM stdin;``. What follows is data, so the walk ends here."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Deep:
    """Where an expression becomes deeper than DEEPEST; the walk ends here."""

    start: int
    end: int


Mark = Variable | MetaCommand | CopyData | Deep

_NAME = "A-Za-z0-9_\\x80-\\U0010ffff"
_LETTER = "A-Za-z_\\x80-\\U0010ffff"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|--[^\n\r]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]')
  | (?P<string>'[^']*(?:'|\Z)|"[^"]*(?:"|\Z))
  | (?P<dollar>\$(?:[{_LETTER}][{_NAME}]*)?\$)
  | (?P<word>[{_LETTER}][{_NAME}$]*)
  | (?P<number>[0-9][0-9.]*|\$[0-9]+)
  | (?P<pair>::|:=)
  | (?P<variable>:(?:'(?P<literal>[{_NAME}]+)'|"(?P<identifier>[{_NAME}]+)"
                    |\{{\?(?P<test>[{_NAME}]+)\}}|(?P<raw>[{_NAME}]+)))
  | (?P<meta>\\(?P<command>[;:!?\\]|[^\s\\]*)
      (?P<arguments>(?:'(?:[^'\\\n]|\\.|'')*'|"[^"\n]*"|[^\\\n])*)(?:\\\\)?)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPED_REST = re.compile(r"(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z)", re.DOTALL)
_CONTINUES = re.compile(r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:\s|--[^\n\r]*[\n\r])*'")
#: After these a bracket's colon begins a value, so it is a variable and not a slice.
_NOT_OPERANDS = frozenset(
    ["and", "or", "not", "when", "then", "else", "case", "in", "like", "between", "is"]
)


class Lines:
    """Offsets of a text as (line, column), both counted from 1 in characters."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def locate(self, offset: int) -> tuple[int, int]:
        r"""The line and column of text[offset].

        >>> Lines("é\nab").locate(3)
        (2, 2)
        """
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def without_bom(text: str) -> str:
    return text.removeprefix(BOM)


def lex(text: str) -> tuple[Mark, ...]:
    """What psql would act on, in the order of the text (without its byte order mark).

    >>> lex("SELECT ':no', :'x'::int, a[1:2] -- :no")
    (Variable(start=14, end=18, name='x', form='literal'),)
    """
    return tuple(_Walk(text).marks())


def first_token(text: str, start: int, end: int) -> int:
    """The offset of the first character that is neither blank nor comment, or `end`."""
    while start < end:
        token = _TOKEN.match(text, start, end)
        if token is None or token.lastgroup not in {"space", "comment"}:
            return start
        start = token.end() if token.lastgroup == "space" else _after_comment(text, token.end())
    return end


def without_line_comments(text: str) -> str:
    """The text with each ``--`` comment blanked; every other character keeps its place.

    >>> without_line_comments("SELECT '--', 1 -- one")
    "SELECT '--', 1       "
    """
    pieces, at = [], 0
    while token := _TOKEN.match(text, at):
        end = _token_end(text, token)
        piece = text[at:end]
        pieces.append(" " * len(piece) if piece.startswith("--") else piece)
        at = end
    return "".join(pieces)


def words(text: str) -> Iterator[str]:
    """The bare words and semicolons outside of quotes and comments, in lower case.

    >>> list(words("BEGIN x := 'COMMIT'; COMMIT; -- COMMIT"))
    ['begin', 'x', ';', 'commit', ';']
    """
    at = 0
    while token := _TOKEN.match(text, at):
        if token.lastgroup == "word" or token[0] == ";":
            yield token[0].lower()
        at = _token_end(text, token)


@dataclass
class _Walk:
    """The state of one walk: which brackets are open, and what the statement began with."""

    text: str
    brackets: list[str] = field(default_factory=list)
    depth: Depth = field(default_factory=Depth)
    first: str = ""
    began: int = 0
    previous: str = ""
    operand: bool = False
    copies_data: bool = False

    def marks(self) -> Iterator[Mark]:
        at = 0
        while token := _TOKEN.match(self.text, at):
            at = _token_end(self.text, token)
            mark = self._take(token, at)
            if mark is None and self.depth.too_deep:
                mark = Deep(token.start(), at)
            if mark is not None:
                yield mark
            if isinstance(mark, CopyData | Deep):
                return

    def _take(self, token: re.Match[str], end: int) -> Mark | None:
        kind = token.lastgroup or "other"
        if kind in {"space", "comment"}:
            return None
        if kind == "meta":
            return _meta(token)
        if kind == "variable":
            return self._variable(token)
        if kind == "word":
            self._word(token[0].lower(), token.start())
        elif kind == "other":
            return self._other(token[0], end)
        else:
            self.operand, self.previous = kind != "pair", ""
            self.depth.sign(token[0])
        return None

    def _variable(self, token: re.Match[str]) -> Variable | None:
        form = _form(token)
        name = token[form]
        slice_end = self.operand and bool(self.brackets) and self.brackets[-1] == "["
        self.operand, self.previous = True, ""
        if form == "raw" and (slice_end or name.isdigit()):
            return None
        return Variable(token.start(), token.end(), name, form)

    def _word(self, word: str, start: int) -> None:
        if not self.first:
            self.first, self.began = word, start
        if word == "stdin" and self.previous == "from" and not self.brackets:
            self.copies_data = self.first == "copy"
        self.previous, self.operand = word, word not in _NOT_OPERANDS
        self.depth.word(word)

    def _other(self, char: str, end: int) -> CopyData | None:
        self.operand, self.previous = char in ")]", ""
        if char in "([":
            self.brackets.append(char)
            self.depth.enter()
        elif char in ")]" and self.brackets:
            self.brackets.pop()
            self.depth.leave()
        elif char == ";" and not self.brackets:
            return self._statement_ends(end)
        self.depth.sign(char)
        return None

    def _statement_ends(self, end: int) -> CopyData | None:
        copies = self.copies_data
        self.first, self.copies_data, self.depth = "", False, Depth()
        return CopyData(self.began, end) if copies else None


def _form(token: re.Match[str]) -> Form:
    forms: tuple[Form, ...] = ("literal", "identifier", "test", "raw")
    return next(form for form in forms if token[form] is not None)


def _meta(token: re.Match[str]) -> MetaCommand:
    return MetaCommand(
        token.start(), token.end(), token["command"], token["arguments"].strip().rstrip("\r")
    )


def _token_end(text: str, token: re.Match[str]) -> int:
    """Where the token really ends: strings and comments are longer than what announces them."""
    if token.lastgroup == "comment":
        return _after_comment(text, token.end())
    if token.lastgroup == "escaped":
        return _after_escaped(text, token.end())
    if token.lastgroup == "dollar":
        found = text.find(token[0], token.end())
        return len(text) if found < 0 else found + len(token[0])
    return token.end()


def _after_comment(text: str, at: int) -> int:
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(text, at)):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return len(text) if depth else at


def _after_escaped(text: str, at: int) -> int:
    """The end of E'…', with the pieces that go on after a line break."""
    while rest := _ESCAPED_REST.match(text, at):
        at = rest.end()
        goes_on = _CONTINUES.match(text, at)
        if goes_on is None:
            break
        at = goes_on.end()
    return at
