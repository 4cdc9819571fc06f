"""The tokens of a script, as psql's own lexer parts them. Pure.

psql knows strings, quoted names, dollar quotes and nested comments well enough to see what stands
outside of them: its variables, its backslash commands, semicolons. The rules are those of
PostgreSQL's documentation of psql ("SQL Interpolation", "Meta-Commands") and of its lexical
structure, with standard_conforming_strings on.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

BOM = "\ufeff"
#: The kinds of tokens that mean nothing.
BLANK = frozenset({"space", "comment"})

#: The characters of a variable's name, for a class of a regular expression.
NAME = "A-Za-z0-9_\\x80-\\U0010ffff"
_LETTER = "A-Za-z_\\x80-\\U0010ffff"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|--[^\n\r]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]')
  | (?P<string>'[^']*(?:'|\Z)|"[^"]*(?:"|\Z))
  | (?P<dollar>\$(?:[{_LETTER}][{NAME}]*)?\$)
  | (?P<word>[{_LETTER}][{NAME}$]*)
  | (?P<number>[0-9][0-9.]*|\$[0-9]+)
  | (?P<pair>::|:=)
  | (?P<variable>:(?:'(?P<literal>[{NAME}]+)'|"(?P<identifier>[{NAME}]+)"
                    |\{{\?(?P<test>[{NAME}]+)\}}|(?P<raw>[{NAME}]+)))
  | (?P<sign>\\[;:])
  | (?P<copy>\\(?P<whole>copy(?=\s)|!)(?P<line>[^\n]*))
  | (?P<meta>\\(?P<command>[?\\]|[^\s\\]*)
      (?P<arguments>(?:'(?:[^'\\\n]|\\.|'')*'|"[^"\n]*"|[^\\\n])*)(?:\\\\)?)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPED_REST = re.compile(r"(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z)", re.DOTALL)
_CONTINUES = re.compile(r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:\s|--[^\n\r]*[\n\r])*'")


class Token(NamedTuple):
    """text[start:end]. `kind` is the name of a group of the grammar below, such as ``word``."""

    kind: str
    text: str
    start: int
    end: int
    match: re.Match[str]


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


def tokens(text: str, at: int = 0, end: int | None = None) -> Iterator[Token]:
    """All tokens of text[at:end], blanks and comments included; nothing is left out.

    >>> [(token.kind, token.text) for token in tokens("a||'b'") if token.kind != "space"]
    [('word', 'a'), ('other', '|'), ('other', '|'), ('string', "'b'")]
    """
    stop = len(text) if end is None else end
    while found := _TOKEN.match(text, at, stop):
        begin, at = at, min(_token_end(text, found), stop)
        yield Token(found.lastgroup or "other", text[begin:at], begin, at, found)


def first_token(text: str, start: int, end: int) -> int:
    """The offset of the first character that is neither blank nor comment, or `end`."""
    found = (token.start for token in tokens(text, start, end) if token.kind not in BLANK)
    return next(found, end)


def without_line_comments(text: str) -> str:
    """The text with each ``--`` comment blanked; every other character keeps its place.

    >>> without_line_comments("SELECT '--', 1 -- one")
    "SELECT '--', 1       "
    """
    return "".join(
        " " * len(token.text) if token.text.startswith("--") else token.text
        for token in tokens(text)
    )


def words(text: str) -> Iterator[str]:
    """The bare words and semicolons outside of quotes and comments, in lower case.

    >>> list(words("BEGIN x := 'COMMIT'; COMMIT; -- COMMIT"))
    ['begin', 'x', ';', 'commit', ';']
    """
    for token in tokens(text):
        if token.kind == "word" or token.text == ";":
            yield token.text.lower()


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
