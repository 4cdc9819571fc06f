"""A script as the rules about names see it: each statement with the tables as they stand by then.

Pure. Places in the parser's text (UTF-8 bytes) are told in lines and columns of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.ddl import after
from migrations_runner.linting.names.record import Walked
from migrations_runner.linting.names.walk import walk
from migrations_runner.psql.marks import Variable
from migrations_runner.psql.pieces import Inserted, Substituted
from migrations_runner.script import Script, Statement


@dataclass(frozen=True)
class Found:
    """What a rule about names has to say; line and column from 1, in the source."""

    rule: str
    level: str
    line: int
    column: int
    message: str
    why: str
    safe_form: str
    rewrite: str | None = None


class View:
    """A statement's text: where its nodes and its variables stand in the source."""

    def __init__(self, statement: Statement, origin: Substituted) -> None:
        self.statement = statement
        self.origin = origin

    def source_offset(self, location: int) -> int:
        """The place in the source, in characters, that a node tells in bytes of the text."""
        text = self.origin.text
        character = location if text.isascii() else len(text.encode()[:location].decode())
        return self.origin.source_offset(character)

    def place(self, location: int) -> tuple[int, int]:
        """Line and column; of an included file, those of the statement in the script."""
        source = self.origin.source
        return source.told(self.source_offset(location))[1:]

    def is_variable(self, location: int) -> bool:
        """Does a variable's value stand there, and not the script's own text?"""
        return bool(self.variables) and self.variable(location) is not None

    def variable(self, location: int) -> Variable | None:
        return self.variables.get(self.source_offset(location))

    @cached_property
    def variables(self) -> dict[int, Variable]:
        """The statement's variables, by their places in the source."""
        query = self.statement.query
        pieces = query.pieces if query is not None else ()
        found = (piece.variable for piece in pieces if isinstance(piece, Inserted))
        return {variable.start: variable for variable in found}

    @property
    def begin(self) -> int:
        return self.origin.source_offset(self.statement.offset)

    @property
    def source(self) -> str:
        """The statement as it is written, variables as such."""
        end = self.origin.source_offset(self.statement.offset + len(self.statement.sql))
        last = self.variables.get(end)  # a value at the very end is longer here than there
        return self.origin.source.text[self.begin : last.end if last else end].rstrip().rstrip(";")


@dataclass(frozen=True)
class Seen:
    """One statement; `catalog` is as it stands before it runs."""

    view: View
    statement: Statement
    catalog: Catalog
    walked: Walked

    @property
    def node(self) -> Node:
        return self.statement.node

    @property
    def source(self) -> str:
        return self.view.source

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(self.view.variables.values())

    def found(
        self,
        rule: str,
        level: str,
        location: int,
        message: str,
        *,
        why: str,
        safe_form: str,
        rewrite: str | None = None,
    ) -> Found:
        line, column = self.view.place(location)
        return Found(rule, level, line, column, message, why, safe_form, rewrite)


def see(statement: Statement, catalog: Catalog) -> Seen | None:
    """One statement with the tables as they stand before it; None where its text is not kept."""
    if statement.origin is None:
        return None
    view = View(statement, statement.origin)
    return Seen(view, statement, catalog, walk(statement.node, catalog, skip=view.is_variable))


def seen(script: Script, catalog: Catalog | None) -> Iterator[Seen]:
    """Each statement of a script, with what those before it have changed."""
    standing = catalog or Catalog()
    for statement in script.statements:
        found = see(statement, standing)
        if found is not None:
            yield found
        standing = after(standing, (statement,))
