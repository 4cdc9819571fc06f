"""What is known of a database's tables, as plain values that travel as JSON. Pure.

A worker reads it from a target (`migrations_runner.catalog`); `after` carries it over the
statements of a script. What is not known says so: `Catalog.complete` and `Table.columns_known`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Self

#: Where temporary tables live, whatever number the server gives a session's schema.
TEMPORARY = "pg_temp"
#: Schemas of the server itself: what is in them is taken to exist and not looked into.
SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})
#: What every table has besides its own columns. Views have none of them.
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
VIEWS = frozenset({"view"})


@dataclass(frozen=True, slots=True)
class Column:
    """`type` as format_type writes it, such as ``character varying(20)``; `position` from 1."""

    name: str
    type: str = ""
    not_null: bool = False
    default: str | None = None
    generated: bool = False
    identity: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """`columns` holds an empty name for an expression; `definition` is what the server tells."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    valid: bool = True
    predicate: str | None = None
    definition: str = ""
    method: str = "btree"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table point at `to_columns` of `to_schema`.`to_table`, in order."""

    name: str
    columns: tuple[str, ...]
    to_schema: str
    to_table: str
    to_columns: tuple[str, ...]
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    definition: str
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Anything with columns. `kind` is table, partitioned, view, matview or foreign.

    `rows` is the planner's estimate (None: never analysed), `bytes` includes indexes. `here` is
    true of what a statement before has just made. With `columns_known` false there may be more
    columns than `columns`, or fewer.
    """

    schema: str
    name: str
    kind: str = "table"
    rows: int | None = None
    bytes: int | None = None
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    partition_of: str | None = None
    partition_key: str | None = None
    triggers: tuple[str, ...] = ()
    rls: bool = False
    columns_known: bool = True
    here: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def label(self) -> str:
        """Its name as people write it: without the usual schema."""
        return self.name if self.schema in {"public", TEMPORARY} else f"{self.schema}.{self.name}"

    @property
    def path(self) -> tuple[str, ...]:
        """The same as parts of a name."""
        return (self.name,) if self.label == self.name else (self.schema, self.name)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def row_keys(self) -> tuple[tuple[str, ...], ...]:
        """The column sets that no two rows share, primary key first; partial indexes left out."""
        indexed = (i.columns for i in self.indexes if i.unique and i.valid and i.predicate is None)
        found = (self.primary_key, *self.unique_keys, *indexed)
        return tuple(dict.fromkeys(key for key in found if key and all(key)))

    def leads_to(self, column: str) -> frozenset[tuple[str, str, str]]:
        """Schema, table and column that foreign keys say this column names."""
        return frozenset(
            (key.to_schema, key.to_table, there)
            for key in self.foreign_keys
            for here, there in zip(key.columns, key.to_columns, strict=False)
            if here == column
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tables by (schema, name). Not `complete`: there may be tables that are not in it."""

    server_version: int = 0
    search_path: tuple[str, ...] = ("public",)
    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    schemas: tuple[str, ...] = ("public",)
    #: Names of functions that did not come with the server, and of types made by people.
    functions: frozenset[str] = frozenset()
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    #: False once something ran that may have changed any table: nothing is certain then.
    certain: bool = True

    def find(self, name: str, schema: str = "") -> Table | None:
        """The table that a name means here: temporary ones first, then along the search path."""
        path = (schema,) if schema else (TEMPORARY, *self.search_path)
        return next(
            (self.tables[place, name] for place in path if (place, name) in self.tables), None
        )

    def is_missing(self, name: str, schema: str = "") -> bool:
        """True only where it is certain that no table of that name can be found."""
        if not self.complete or not self.certain or self.find(name, schema):
            return False
        if schema:
            return schema not in SYSTEM_SCHEMAS and not schema.startswith("pg_")
        return not name.startswith("pg_") and not SYSTEM_SCHEMAS & set(self.search_path)

    def with_table(self, table: Table) -> Catalog:
        return replace(self, tables={**self.tables, (table.schema, table.name): table})

    def without(self, schema: str, name: str) -> Catalog:
        left = {key: table for key, table in self.tables.items() if key != (schema, name)}
        return replace(self, tables=left)

    def to_json(self) -> dict[str, Any]:
        """As JSON's own types; what equals its default is left out.

        >>> made = Catalog(complete=True).with_table(Table("public", "t", columns=(Column("a"),)))
        >>> Catalog.from_json(made.to_json()) == made
        True
        """
        plain = _plain(replace(self, tables={}))
        return {**plain, "tables": [_plain(table) for table in self.tables.values()]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The catalog that `to_json` wrote. Raises KeyError or TypeError for anything else."""
        facts = dict(value)
        tables = [_table(each) for each in facts.pop("tables", ())]
        facts["functions"] = frozenset(facts.get("functions", ()))
        facts["enums"] = {name: tuple(labels) for name, labels in facts.get("enums", {}).items()}
        for name in ("search_path", "schemas"):
            facts[name] = tuple(facts.get(name, ("public",)))
        return cls(**facts, tables={(table.schema, table.name): table for table in tables})


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {
            each.name: _plain(getattr(value, each.name))
            for each in fields(value)
            if getattr(value, each.name) != each.default
        }
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


_PARTS: dict[str, type[Any]] = {
    "columns": Column,
    "indexes": Index,
    "foreign_keys": ForeignKey,
    "checks": Check,
}


def _table(value: Mapping[str, Any]) -> Table:
    return Table(**{name: _part(name, inner) for name, inner in value.items()})


def _part(name: str, value: Any) -> Any:
    if name in _PARTS:
        return tuple(_PARTS[name](**_tuples(each)) for each in value)
    if name == "unique_keys":
        return tuple(tuple(each) for each in value)
    return tuple(value) if isinstance(value, list) else value


def _tuples(value: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(inner) if isinstance(inner, list) else inner for k, inner in value.items()}
