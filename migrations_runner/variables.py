r"""psql variables: which a script uses, and which of them somebody has to give a value to. Pure.

``:x`` puts the value in as it is, ``:'x'`` as a string, ``:"x"`` as a name; ``:{?x}`` says TRUE or
FALSE. ``\set name value`` in the script gives a value from there on. Stricter than psql on purpose:
a variable without a value is refused (psql leaves the text, which fails later or means something
else), and a bare ``:x`` takes nothing from outside that could change the statement around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrations_runner.lexing import Lines, without_bom
from migrations_runner.psql.arguments import NotUnderstood, split_arguments
from migrations_runner.psql.marks import Form, MetaCommand, Variable, lex
from migrations_runner.psql.whole import read_script

_TAKES_VARIABLES = frozenset(
    ["set", "if", "elif", "echo", "qecho", "warn", "i", "ir", "include", "include_relative", "gset"]
)


@dataclass(frozen=True, slots=True)
class VariableUse:
    """One use of a variable; line and column count from 1, in characters."""

    name: str
    form: Form
    line: int
    column: int


def find(text: str) -> tuple[VariableUse, ...]:
    r"""Every use of a variable, in the order of the text; in a command, where the command stands.

    >>> [(use.name, use.form, use.line) for use in find("UPDATE t SET a = :'x'\nWHERE id = :id")]
    [('x', 'literal', 1), ('id', 'raw', 2)]
    """
    text = without_bom(text)
    lines = Lines(text)
    return tuple(
        VariableUse(name, form, *lines.locate(mark.start))
        for mark in lex(text)
        if isinstance(mark, Variable | MetaCommand)
        for name, form in _used(mark)
    )


def _used(mark: Variable | MetaCommand) -> Iterator[tuple[str, Form]]:
    if isinstance(mark, Variable):
        yield mark.name, mark.form
    elif mark.name in _TAKES_VARIABLES:
        try:
            parts = [part for argument in split_arguments(mark.arguments) for part in argument]
        except NotUnderstood:
            parts = []
        yield from ((part.text, part.form) for part in parts if part.form is not None)


def required(text: str, includes: Mapping[str, str] | None = None) -> tuple[str, ...]:
    r"""The names somebody has to give a value to, each once: not those the script sets by itself.

    >>> required("\\set n 5\nSELECT :n, :m, :{?z}")
    ('m',)
    """
    reading = read_script(text, {}, includes or {}, lambda _sql: (frozenset(), True))
    return tuple(reading.missing)
