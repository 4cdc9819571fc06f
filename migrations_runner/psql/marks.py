r"""What psql would act on in a script, in the order of the text. Pure.

Walks the tokens and keeps what a statement began with and which brackets are open. One difference
to psql is deliberate: in ``a[1:n]`` the ``:n`` is the end of a slice and never a variable.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from migrations_runner.depth import Body, Depth
from migrations_runner.lexing import BLANK, Token, tokens
from migrations_runner.psql.copying import reads_data

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
class End:
    r"""The ``;`` at text[start:end] that ends a statement; ``\;`` is `joined`."""

    start: int
    end: int
    joined: bool = False


@dataclass(frozen=True, slots=True)
class CopyData:
    r"""The lines text[start:data_end] after ``COPY … FROM stdin``; the walk goes on at `end`.

    `end` is behind the closing ``\.``; `closed` tells whether there was one. `rest` is what stood
    between the semicolon and the first line of data.
    """

    start: int
    end: int
    data_end: int
    closed: bool
    rest: str


@dataclass(frozen=True, slots=True)
class Sign:
    r"""``\:`` at text[start:end], which is a bare colon to the server."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Deep:
    """Where an expression becomes deeper than DEEPEST; the walk ends here."""

    start: int
    end: int


Mark = Variable | MetaCommand | End | CopyData | Sign | Deep

_DATA_ENDS = re.compile(r"^\\\.\r?(?:\n|\Z)", re.MULTILINE)
#: The backslash commands that send the statement before them, as a semicolon does.
SENDING = frozenset({"g", "gx", "gset", "gexec"})
#: After these a bracket's colon begins a value, so it is a variable and not a slice.
_NOT_OPERANDS = frozenset(
    ["and", "or", "not", "when", "then", "else", "case", "in", "like", "between", "is"]
)


@lru_cache(maxsize=8)
def lex(text: str) -> tuple[Mark, ...]:
    """What psql would act on, in the order of the text (without its byte order mark).

    >>> lex("SELECT ':no', :'x'::int, a[1:2] -- :no")
    (Variable(start=14, end=18, name='x', form='literal'),)

    The last few answers are kept: one script is read for its key, its variables, lint and the run.
    """
    return tuple(_Walk(text).marks())


@dataclass
class _Walk:
    """The state of one walk: which brackets are open, and what the statement began with."""

    text: str
    brackets: list[str] = field(default_factory=list)
    depth: Depth = field(default_factory=Depth)
    body: Body = field(default_factory=Body)
    first: str = ""
    previous: str = ""
    operand: bool = False
    copies_data: bool = False

    def marks(self) -> Iterator[Mark]:
        at: int | None = 0
        while at is not None:
            at = yield from self._until_data(at)

    def _until_data(self, at: int) -> Generator[Mark, None, int | None]:
        """The marks up to the next data of a COPY; returns where to go on, None at the end."""
        for token in tokens(self.text, at):
            for mark in self._take(token):
                yield mark
                if isinstance(mark, Deep):
                    return None
                if isinstance(mark, CopyData):
                    return mark.end
        return None

    def _take(self, token: Token) -> Iterator[Mark]:
        kind = token.kind
        if kind == "variable":
            yield from self._variable(token)
        elif kind in {"meta", "copy"}:
            yield from self._command(token)
        elif kind == "sign":
            yield from self._sign(token)
        elif kind == "word":
            self._word(token.text.lower())
        elif kind == "other":
            yield from self._other(token.text, token.end)
        elif kind not in BLANK:
            self.operand, self.previous = kind != "pair", ""
            self.depth.sign(token.text)
        if self.depth.too_deep:
            yield Deep(token.start, token.end)

    def _variable(self, token: Token) -> Iterator[Variable]:
        form = _form(token)
        name = token.match[form]
        slice_end = self.operand and bool(self.brackets) and self.brackets[-1] == "["
        self.operand, self.previous = True, ""
        if form != "raw" or not (slice_end or name.isdigit()):
            yield Variable(token.start, token.end, name, form)

    def _command(self, token: Token) -> Iterator[Mark]:
        command = _meta(token)
        if command.name in SENDING:
            self._begin_anew()
        yield command
        if command.name == "copy" and reads_data(command.arguments):
            yield _data(self.text, command.end)

    def _sign(self, token: Token) -> Iterator[Mark]:
        if token.text == "\\;" and not self.brackets:
            yield End(token.start, token.end, joined=True)
            self._begin_anew()
        else:
            yield Sign(token.start, token.end, token.text[1])

    def _word(self, word: str) -> None:
        self.first = self.first or word
        if word == "stdin" and self.previous == "from" and not self.brackets:
            self.copies_data = self.first == "copy"
        self.previous, self.operand = word, word not in _NOT_OPERANDS
        self.depth.word(word)
        if "(" not in self.brackets:
            self.body.word(word)

    def _other(self, char: str, end: int) -> Iterator[Mark]:
        self.operand, self.previous = char in ")]", ""
        if char in "([":
            self.brackets.append(char)
            self.depth.enter()
        elif char in ")]" and self.brackets:
            self.brackets.pop()
            self.depth.leave()
        elif char == ";" and not self.brackets and not self.body.open:
            copies = self.copies_data
            self._begin_anew()
            yield End(end - 1, end)
            if copies:
                yield _data(self.text, end)
            return
        self.depth.sign(char)

    def _begin_anew(self) -> None:
        self.first, self.copies_data = "", False
        self.depth, self.body = Depth(), Body()
        self.brackets.clear()


def _form(token: Token) -> Form:
    forms: tuple[Form, ...] = ("literal", "identifier", "test", "raw")
    return next(form for form in forms if token.match[form] is not None)


def _meta(token: Token) -> MetaCommand:
    name, given = token.match["command"], token.match["arguments"]
    if token.kind == "copy":
        name, given = token.match["whole"], token.match["line"]
    return MetaCommand(token.start, token.end, name, given.strip())


def _data(text: str, after: int) -> CopyData:
    """The data that begins on the next line and goes on to a line of its own, or to the end."""
    newline = text.find("\n", after)
    start = len(text) if newline < 0 else newline + 1
    found = _DATA_ENDS.search(text, start)
    data_end, end = (found.start(), found.end()) if found else (len(text), len(text))
    return CopyData(start, end, data_end, found is not None, text[after:start])
