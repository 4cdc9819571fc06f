"""Reading a target's tables, columns, keys and indexes, for lint and for people.

Six questions, each over all tables at once, and never more than MOST_TABLES of them. The schemas of
the server itself and everybody's temporary tables are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migrations_runner.ledger import Connection
from migrations_runner.linting.catalog import (
    Catalog,
    Check,
    Column,
    ForeignKey,
    Index,
    Table,
)

#: Beyond that the catalog says it is not complete, and rules hold their tongue.
MOST_TABLES: Final = 5000
_KINDS: Final = {"r": "table", "p": "partitioned", "v": "view", "m": "matview", "f": "foreign"}
_QUESTIONS: Final = dict(
    re.findall(
        r"^-- (\w+)[^\n]*\n(SELECT.*?);$",
        Path(__file__).with_name("catalog.sql").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
Row = tuple[Any, ...]


@dataclass
class _Rows:
    """The answers, by table; `names` are the columns' by number."""

    columns: dict[int, list[Row]] = field(default_factory=dict)
    indexes: dict[int, list[Row]] = field(default_factory=dict)
    constraints: dict[int, list[Row]] = field(default_factory=dict)
    triggers: dict[int, list[Row]] = field(default_factory=dict)
    names: dict[int, dict[int, str]] = field(default_factory=dict)

    def named(self, oid: int, numbers: Iterable[int] | None) -> tuple[str, ...]:
        """Columns' names; an expression of an index has none."""
        known = self.names.get(oid, {})
        return tuple(known.get(number, "") for number in numbers or ())


def read(connection: Connection) -> Catalog:
    """The catalog as this role sees it now. Raises psycopg.Error; changes nothing."""
    ((version, path, schemas, functions, enums, extensions),) = _ask(connection, "around", {})
    relations = _ask(connection, "relations", {"most": MOST_TABLES + 1})
    rows = _rows(connection, [row[0] for row in relations[:MOST_TABLES]])
    tables = [_table(row, rows) for row in relations[:MOST_TABLES]]
    return Catalog(
        server_version=version,
        search_path=tuple(path),
        tables={(table.schema, table.name): table for table in tables},
        schemas=tuple(sorted(schemas)),
        functions=frozenset(functions),
        enums={name: tuple(labels) for name, labels in enums.items()},
        extensions=extensions,
        complete=len(relations) <= MOST_TABLES,
    )


def _ask(connection: Connection, question: str, values: Mapping[str, Any]) -> list[Row]:
    return connection.execute(_QUESTIONS[question], values).fetchall()


def _rows(connection: Connection, oids: list[int]) -> _Rows:
    rows = _Rows()
    for question in ("columns", "indexes", "constraints", "triggers"):
        grouped = defaultdict(list)
        for oid, *rest in _ask(connection, question, {"oids": oids}):
            grouped[oid].append(tuple(rest))
        setattr(rows, question, grouped)
    rows.names = {oid: {row[-1]: row[0] for row in found} for oid, found in rows.columns.items()}
    return rows


def _table(row: Row, rows: _Rows) -> Table:
    oid, schema, name, kind, estimate, size, partition_of, partition_key, rls = row
    constraints = rows.constraints.get(oid, [])
    primary, unique = _keys(oid, constraints, "p", rows), _keys(oid, constraints, "u", rows)
    return Table(
        schema=schema,
        name=name,
        kind=_KINDS[kind],
        rows=estimate,
        bytes=size,
        columns=tuple(Column(*each) for each in rows.columns.get(oid, ())),
        primary_key=primary[0] if primary else (),
        unique_keys=unique,
        indexes=tuple(_index(oid, each, rows) for each in rows.indexes.get(oid, ())),
        foreign_keys=tuple(_foreign_key(oid, k, rows) for k in constraints if k[0] == "f"),
        checks=tuple(Check(k[1], k[8], k[7]) for k in constraints if k[0] == "c"),
        partition_of=partition_of,
        partition_key=partition_key,
        triggers=tuple(each[0] for each in rows.triggers.get(oid, ())),
        rls=rls,
    )


def _keys(oid: int, constraints: list[Row], kind: str, rows: _Rows) -> tuple[tuple[str, ...], ...]:
    return tuple(rows.named(oid, each[2]) for each in constraints if each[0] == kind)


def _index(oid: int, row: Row, rows: _Rows) -> Index:
    name, numbers, unique, valid, predicate, definition, method = row
    return Index(name, rows.named(oid, numbers), unique, valid, predicate, definition, method)


def _foreign_key(oid: int, row: Row, rows: _Rows) -> ForeignKey:
    _, name, here, to_oid, to_schema, to_table, there, validated, _ = row
    columns, to_columns = rows.named(oid, here), rows.named(to_oid, there)
    return ForeignKey(name, columns, to_schema, to_table, to_columns, validated)
