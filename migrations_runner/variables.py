r"""psql variables: which a script uses, and its text with their values put in. Pure.

``:x`` puts the value in as it is, ``:'x'`` as a string, ``:"x"`` as a name; ``:{?x}`` says TRUE or
FALSE.
``\set name value`` in the script gives a value from there on. Stricter than psql on purpose: a
variable without a value is refused (psql leaves the text, which fails later or means something
else), and a bare ``:x`` takes nothing that could change the statement around it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from migrations_runner.lexing import Form, Lines, Mark, Variable, lex, without_bom
from migrations_runner.meta_commands import obey
from migrations_runner.quoting import (
    encodable,
    quote_identifier,
    quote_literal_before,
    stands_alone,
)
from migrations_runner.refusals import (
    MissingVariables,
    ScriptRefused,
    UnreadableText,
    UnsafeRawVariable,
)


@dataclass(frozen=True, slots=True)
class VariableUse:
    """One use of a variable; line and column count from 1, in characters."""

    name: str
    form: Form
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text with its variables put in, which still knows where each character came from."""

    text: str
    source: str
    #: (offset here, offset in the source, whether the stretch was copied), by offset.
    stretches: tuple[tuple[int, int, bool], ...]

    def source_offset(self, offset: int) -> int:
        """The place in the source of text[offset]; inside of a value, where its variable stands."""
        found = bisect_right(self.stretches, offset, key=lambda stretch: stretch[0]) - 1
        here, there, copied = self.stretches[found]
        return there + (offset - here if copied else 0)


def find(text: str) -> tuple[VariableUse, ...]:
    r"""Every use of a variable, in the order of the text.

    >>> [(use.name, use.form, use.line) for use in find("UPDATE t SET a = :'x'\nWHERE id = :id")]
    [('x', 'literal', 1), ('id', 'raw', 2)]
    """
    text = without_bom(text)
    lines = Lines(text)
    return tuple(
        VariableUse(mark.name, mark.form, *lines.locate(mark.start))
        for mark in lex(text)
        if isinstance(mark, Variable)
    )


def required(text: str) -> tuple[str, ...]:
    r"""The names somebody has to give a value to, each once: not those the script sets by itself.

    >>> required("\\set n 5\nSELECT :n, :m, :{?z}")
    ('m',)
    """
    walk = _Substitution(without_bom(text), {}, checking=True)
    walk.run()
    return tuple(walk.missing)


def substitute(text: str, values: Mapping[str, str]) -> Substituted:
    """The text with all values put in, and backslash commands blanked out.

    Raises UnsupportedMetaCommand, TooDeeplyNested, UnreadableText (a NUL in a value),
    UnsafeRawVariable, and MissingVariables with everything that has no value.
    """
    walk = _Substitution(without_bom(text), dict(values))
    done = walk.run()
    if walk.refused:
        raise walk.refused[0]
    if walk.missing:
        raise MissingVariables(tuple(walk.missing.values()))
    return done


def substitute_placeholders(
    text: str, numbers: frozenset[str] = frozenset()
) -> tuple[Substituted, tuple[ScriptRefused, ...]]:
    """The text with harmless stand-ins, to look at its syntax before anybody gave a value.

    A bare variable becomes a name, or the number 0 for those in `numbers`. The second value holds
    the refusals of commands; with one of them the text is not worth parsing, since data may follow.
    """
    text = without_bom(text)
    values = {use.name: "0" if use.name in numbers else placeholder(use.name) for use in find(text)}
    walk = _Substitution(text, values, checking=True)
    return walk.run(), tuple(walk.refused)


def placeholder(name: str) -> str:
    """What stands in for a bare variable: a name that is no keyword."""
    return f"_{name}"


@dataclass
class _Substitution:
    """One pass over a script. `checking` puts bare values in without a look at them."""

    source: str
    values: dict[str, str]
    checking: bool = False
    refused: list[ScriptRefused] = field(default_factory=list)
    missing: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    stretches: list[tuple[int, int, bool]] = field(default_factory=list)
    length: int = 0

    def run(self) -> Substituted:
        lines, done = Lines(self.source), 0
        for mark in lex(self.source):
            self._add(self.source[done : mark.start], done, copied=True)
            self._add(self._replacement(mark, *lines.locate(mark.start)), mark.start, copied=False)
            done = mark.end
        self._add(self.source[done:], done, copied=True)
        return Substituted("".join(self.pieces), self.source, tuple(self.stretches))

    def _add(self, piece: str, origin: int, *, copied: bool) -> None:
        self.stretches.append((self.length, origin, copied))
        self.pieces.append(piece)
        self.length += len(piece)

    def _replacement(self, mark: Mark, line: int, column: int) -> str:
        try:
            if isinstance(mark, Variable):
                return self._value(mark, line, column)
            assignment = obey(mark, line, column)
        except ScriptRefused as refused:
            self.refused.append(refused)
            assignment = None
        if assignment is not None and not self.checking:
            self.values.pop(assignment.name, None)
        if assignment is not None and assignment.value is not None:
            self.values.setdefault(assignment.name, assignment.value)
        return " " * (mark.end - mark.start)

    def _value(self, mark: Variable, line: int, column: int) -> str:
        value = self.values.get(mark.name)
        if mark.form == "test":
            return "FALSE" if value is None else "TRUE"
        if value is None:
            self.missing.setdefault(mark.name, (mark.name, line, column))
            return ""
        if not encodable(value):
            reason = f"the value of {mark.name} holds a character that no SQL text may hold."
            raise UnreadableText(reason, line=line, column=column)
        if mark.form == "literal":
            return quote_literal_before(value, self.source, mark.end)
        if mark.form == "identifier":
            return quote_identifier(value)
        if not self.checking and not self._stands_alone(value, mark):
            raise UnsafeRawVariable(mark.name, line=line, column=column)
        return value

    def _stands_alone(self, value: str, mark: Variable) -> bool:
        before = self.source[max(mark.start - 1, 0) : mark.start]
        return stands_alone(value, before=before, after=self.source[mark.end : mark.end + 1])
