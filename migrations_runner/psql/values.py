r"""What is known of a script's variables before it runs, and how a value is written into SQL. Pure.

A value that the script itself writes with ``\set`` is part of its text, so it may be any SQL; all
others (typed in a form, read from the target with ``\gset``) may never become code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from migrations_runner.lexing import tokens
from migrations_runner.psql.arguments import Argument, Part
from migrations_runner.psql.marks import Variable, lex
from migrations_runner.quoting import (
    encodable,
    quote_identifier,
    quote_literal,
    quote_literal_before,
    stands_alone,
)


class _Unknown(Enum):
    UNKNOWN = auto()


UNKNOWN = _Unknown.UNKNOWN
#: Variables that psql sets by itself and we know once connected, or after each statement.
GIVEN_BY_PSQL = frozenset(
    ["DBNAME", "USER", "SERVER_VERSION_NUM", "SERVER_VERSION_NAME", "ENCODING", "ROW_COUNT"]
)


@dataclass(frozen=True, slots=True)
class Value:
    """A value; `own` if it is spelt out in the script."""

    text: str
    own: bool = False


#: UNKNOWN: only the run will tell, even whether it is set at all.
Known = Value | Literal[_Unknown.UNKNOWN]


class Unencodable(ValueError):
    """A value holds a character that no SQL text may hold."""


class NotAlone(ValueError):
    """A bare value would change the statement around it."""


def written(variable: Variable, value: Value, source: str) -> str:
    """The value as SQL in place of the variable; raises Unencodable, NotAlone."""
    if not encodable(value.text):
        raise Unencodable
    if variable.form == "test":
        return "TRUE"
    if variable.form == "literal":
        return quote_literal_before(value.text, source, variable.end)
    if variable.form == "identifier":
        return quote_identifier(value.text)
    before = source[max(variable.start - 1, 0) : variable.start]
    after = source[variable.end : variable.end + 1]
    if stands_alone(value.text, before=before, after=after):
        return value.text
    if value.own and _complete(value.text):
        return value.text
    raise NotAlone


def _complete(text: str) -> bool:
    """Whether nothing goes on behind the text: no open quote or bracket, no end of a statement."""
    if lex(text):
        return False
    depth = 0
    for token in tokens(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if depth < 0 or not _ended(token.kind, token.text):
            return False
    return depth == 0


def _ended(kind: str, text: str) -> bool:
    if kind == "comment":
        return text.endswith("*/")
    if kind == "space":
        return not text.startswith("--")
    if kind in {"string", "escaped"}:
        return len(text) > 1 + (kind == "escaped") and text.endswith(text[kind == "escaped"])
    tag = text[: text.find("$", 1) + 1] if kind == "dollar" else ""
    return kind != "dollar" or (len(text) >= 2 * len(tag) and text.endswith(tag))


@dataclass
class Knowledge:
    """The variables at one point of the script. Those with a prefix of `maybe` may be set."""

    values: dict[str, Known | None] = field(default_factory=dict)
    maybe: frozenset[str] = frozenset()

    def look(self, name: str) -> Known | None:
        """Its value, UNKNOWN, or None if it is certainly not set."""
        if name in self.values:
            return self.values[name]
        return UNKNOWN if any(name.startswith(prefix) for prefix in self.maybe) else None

    def forget(self, name: str) -> None:
        self.values[name] = None

    def copy(self) -> Knowledge:
        return Knowledge(dict(self.values), self.maybe)

    def evaluate(self, argument: Argument) -> tuple[Known, tuple[str, ...]]:
        """An argument's value, and the names in it that are not set (psql leaves those as text)."""
        parts = [self._part(part) for part in argument]
        names = [part.text for part in argument if part.form not in {None, "test"}]
        missing = tuple(name for name in names if self.look(name) is None)
        if any(part is UNKNOWN for part in parts):
            return UNKNOWN, missing
        values = [part for part in parts if isinstance(part, Value)]
        text = "".join(value.text for value in values)
        return Value(text, own=all(value.own for value in values)), missing

    def _part(self, part: Part) -> Known:
        if part.form is None:
            return Value(part.text, own=True)
        found = self.look(part.text)
        if found is UNKNOWN:
            return UNKNOWN
        return Value(as_argument(part, found), own=found is None or found.own)


def as_argument(part: Part, value: Value | None) -> str:
    """A variable in the arguments of a command, as psql puts it in there."""
    if part.form == "test":
        return "FALSE" if value is None else "TRUE"
    if value is None:
        return {"literal": f":'{part.text}'", "identifier": f':"{part.text}"'}.get(
            part.form or "", f":{part.text}"
        )
    if part.form == "literal":
        return quote_literal(value.text)
    return quote_identifier(value.text) if part.form == "identifier" else value.text


def merged(ways: Iterable[Knowledge]) -> Knowledge:
    """What is known where several ways come together and nobody knows which one was taken."""
    all_ways = list(ways)
    values: dict[str, Known | None] = {}
    for name in {name for way in all_ways for name in way.values}:
        found = {way.look(name) for way in all_ways}
        values[name] = found.pop() if len(found) == 1 else UNKNOWN
    return Knowledge(values, frozenset().union(*(way.maybe for way in all_ways)))


def given(values: Mapping[str, str] | None) -> Knowledge:
    """What is known at the beginning; with None, nobody has given values yet."""
    known: dict[str, Known | None] = dict.fromkeys(GIVEN_BY_PSQL, UNKNOWN)
    if values is None:
        return Knowledge(known, frozenset({""}))
    known.update({name: Value(text) for name, text in values.items()})
    return Knowledge(known)
