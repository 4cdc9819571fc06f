"""The driver query of a fan-out: which variables it gives, and its rows as plain texts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from migrations_runner.fan_out.refusals import BadDriverQuery, BadDriverRows
from migrations_runner.kinds import Node
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from migrations_runner.script import Statement

MOST_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One set of values, by the names of the query's columns. `key` is a digest of them."""

    key: str
    values: dict[str, str] = field(repr=False)


def variables(query: str) -> tuple[str, ...]:
    """The names that a driver query gives values to, as its text tells them.

    Raises BadDriverQuery where it is no single query, or a column has no name or an unclear one.

    >>> variables("SELECT id AS user_id, u.email FROM users u")
    ('user_id', 'email')
    """
    select = _only_query(query).node
    while select.HasField("larg"):  # of a UNION the first query names the columns
        select = select.larg
    names = tuple(_name(target.res_target) for target in select.target_list)
    if "" in names or not names:
        raise BadDriverQuery("Give each column a name: SELECT id AS user_id FROM …")
    if len(set(names)) < len(names):
        raise BadDriverQuery(f"Two columns have one name: {', '.join(names)}.")
    return names


def stand_ins(query: str) -> dict[str, str]:
    """A value for each variable, to read a script by before any row is known."""
    return dict.fromkeys(variables(query), "0")


def values_of(run: MigrationRun, script: RunScript) -> dict[str, str]:
    """The run's values; those of a fan-out come key by key, and stand-ins are read until then."""
    if script.mode != MigrationScript.Mode.FAN_OUT:
        return dict(run.variables)
    return {**stand_ins(script.driver_query), **run.variables}


def rows(connection: Connection, query: str) -> list[Row]:
    """Ask the target, in a transaction that can't write. Raises BadDriverQuery, BadDriverRows."""
    statement, names = _only_query(query), variables(query)
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        result = connection.execute(statement.sql.encode()).pgresult
    if result is None or result.nfields != len(names):
        raise BadDriverQuery("It gives other columns than its text names.")
    if not 0 < result.ntuples <= MOST_KEYS:
        raise BadDriverRows(f"It gave {result.ntuples:,} rows; 1 to {MOST_KEYS:,} can be run.")
    values = [
        [result.get_value(at, field) for field in range(len(names))] for at in range(result.ntuples)
    ]
    return _distinct([_row(names, given, at) for at, given in enumerate(values, 1)])


def _row(names: tuple[str, ...], given: list[bytes | None], at: int) -> Row:
    missing = [name for name, value in zip(names, given, strict=True) if value is None]
    if missing:
        raise BadDriverRows(f"Row {at} has NULL in {', '.join(missing)}.")
    texts = [(value or b"").decode() for value in given]
    digest = hashlib.sha256(json.dumps([names, texts]).encode()).hexdigest()
    return Row(digest, dict(zip(names, texts, strict=True)))


def _distinct(found: list[Row]) -> list[Row]:
    places: dict[str, int] = {}
    for at, row in enumerate(found, 1):
        first = places.setdefault(row.key, at)
        if first != at:
            raise BadDriverRows(f"Rows {first} and {at} are the same; say SELECT DISTINCT.")
    return found


def _only_query(query: str) -> Statement:
    try:
        statements = parse_script(query, {}).statements
    except ScriptRefused as refused:
        raise BadDriverQuery(refused.detail) from None
    if len(statements) != 1 or statements[0].kind != "SELECT":
        raise BadDriverQuery("It has to be one SELECT.")
    return statements[0]


def _name(target: Node) -> str:
    """A result column's name where the text itself says it: an alias, or a plain column."""
    if target.name:
        return str(target.name)
    if target.val.WhichOneof("node") == "column_ref":
        last = target.val.column_ref.fields[-1]
        return str(last.string.sval) if last.WhichOneof("node") == "string" else ""
    return ""
