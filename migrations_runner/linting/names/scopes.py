"""What a query sees: its FROM items, those of the queries around it, its WITH names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migrations_runner.linting.catalog import SYSTEM_COLUMNS, Table


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a query sees it; `origin` is the table and column it comes from unchanged."""

    name: str
    origin: tuple[Table, str] | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """What a query or a FROM item gives; `open`: there may be more, or fewer."""

    fields: tuple[Field, ...] = ()
    open: bool = False

    def renamed(self, names: tuple[str, ...]) -> Columns:
        """As an alias with column names has it: the first ones are called anew."""
        renamed = tuple(replace(f, name=n) for f, n in zip(self.fields, names, strict=False))
        beyond = tuple(Field(name) for name in names[len(self.fields) :])
        return Columns(renamed + beyond + self.fields[len(renamed) :], self.open)

    def named(self, name: str) -> list[Field]:
        return [each for each in self.fields if each.name == name]


UNKNOWN = Columns(open=True)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One FROM item. `by_column` and `by_name`: whether ``c`` and ``name.c`` may mean it."""

    name: str
    columns: Columns
    table: Table | None = None
    schema: str = ""
    by_column: bool = True
    by_name: bool = True
    #: A table, view or WITH query; not a function, VALUES or a query in parentheses.
    is_relation: bool = False

    @property
    def has_system_columns(self) -> bool:
        return self.table is not None and self.table.kind != "view"

    def field(self, name: str) -> Field | None:
        found = self.columns.named(name)
        if found:
            return found[0]
        return Field(name) if name in SYSTEM_COLUMNS and self.has_system_columns else None


@dataclass(slots=True, eq=False)
class Scope:
    """One level of names; `parent` is the query around it."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    ctes: dict[str, Columns] = field(default_factory=dict)

    def outwards(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def beside(self, sources: list[Source]) -> Scope:
        """A scope that stands in this one's place but sees only these of its FROM items."""
        return Scope(self.parent, sources, self.ctes)

    def cte(self, name: str) -> Columns | None:
        return next((s.ctes[name] for s in self.outwards() if name in s.ctes), None)
