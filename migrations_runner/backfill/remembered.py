"""The facts of a proof from the catalog that a worker last saw, for the form. Pure.

It knows less than the target: which functions are volatile, what views read, whether triggers run
for each row. Where that matters it assumes the worse. The proof is made anew on the target before
the first row, so this answer promises nothing; it saves the way there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from migrations_runner.backfill.facts import (
    Facts,
    Function,
    Key,
    KeyColumn,
    Relation,
    Trigger,
)
from migrations_runner.backfill.walking import Name, named
from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Catalog, ForeignKey, Table

_KINDS = {"table": "r", "partitioned": "p", "view": "v", "matview": "m", "foreign": "f"}
_EVENTS = frozenset({"INSERT", "UPDATE", "DELETE"})
_TIMED = re.compile(r"\b(now|current_\w+|localtime\w*|(transaction|statement)_timestamp)\b")
_VOLATILE = re.compile(
    r"pg_.*|lo_.*|dblink.*|txid_.*|setval|currval|lastval|setseed|set_config|timeofday|query_to_.*"
)
_AGGREGATE = re.compile(
    r"count|sum|min|max|avg|every|mode|rank|corr|any_value|(bool|bit)_(and|or|xor)|.*_agg.*|var.*"
    r"|std.*|percentile_.*|cume_dist|dense_rank|percent_rank|regr_.*|covar_.*|xmlagg|grouping"
)


def facts(catalog: Catalog, nodes: Sequence[Node]) -> Facts:
    """What the remembered catalog tells of everything that the statements name."""
    wanted = named(list(nodes))
    numbers = {place: number for number, place in enumerate(catalog.tables, 1)}
    found = {name: catalog.find(name[1], name[0]) for name in wanted.tables}
    return Facts(
        {name: _relation(catalog, table, numbers) for name, table in found.items() if table},
        {name: _function(catalog, name) for name in wanted.functions},
    )


def _relation(catalog: Catalog, table: Table, numbers: dict[Name, int]) -> Relation:
    itself = [key for key in table.foreign_keys if _leads_to(key, table)]
    return Relation(
        oid=numbers[table.schema, table.name],
        schema=table.schema,
        name=table.name,
        kind=_KINDS.get(table.kind, "v"),
        oids=_seen(catalog, table, numbers),
        keys=_keys(table),
        triggers=tuple(Trigger(name, per_row=True, events=_EVENTS) for name in table.triggers),
        has_children=any(_is_part(other, table) for other in catalog.tables.values()),
        refers_to_itself=frozenset(column for key in itself for column in key.to_columns),
        deletes_reach_back=bool(itself),
        timed_defaults=frozenset(
            column.name
            for column in table.columns
            if not column.generated and _TIMED.search((column.default or "").lower())
        ),
        estimate=table.rows or 0,
    )


def _seen(catalog: Catalog, table: Table, numbers: dict[Name, int]) -> frozenset[int]:
    """A view may show any table; parts and wholes show each other's rows."""
    if table.kind in {"view", "matview", "foreign"}:
        return frozenset(numbers.values())
    family = [
        other
        for other in catalog.tables.values()
        if other == table or _is_part(other, table) or _is_part(table, other)
    ]
    return frozenset(numbers[other.schema, other.name] for other in family)


def _is_part(part: Table, whole: Table) -> bool:
    return part.partition_of in {whole.name, f"{whole.schema}.{whole.name}"}


def _leads_to(key: ForeignKey, table: Table) -> bool:
    return (key.to_schema, key.to_table) == (table.schema, table.name)


def _keys(table: Table) -> tuple[Key, ...]:
    """The primary key first; of the others those whose columns are never null."""
    found = []
    for names in (table.primary_key, *table.unique_keys):
        columns = [table.column(name) for name in names]
        known = [column for column in columns if column is not None]
        if names and len(known) == len(names) and all(column.not_null for column in known):
            parts = tuple(KeyColumn(column.name, column.type) for column in known)
            found.append(Key(", ".join(names), parts, primary=names == table.primary_key))
    return tuple(found)


def _function(catalog: Catalog, name: Name) -> Function:
    word = name[1]
    if word in catalog.functions:
        return Function("s", builtin=False)
    volatility = "v" if _VOLATILE.fullmatch(word) else "i"
    return Function(volatility, builtin=True, aggregate=bool(_AGGREGATE.fullmatch(word)))
