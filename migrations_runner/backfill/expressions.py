"""Which expressions give another answer in another transaction or for another set of rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.backfill.facts import Facts
from migrations_runner.backfill.walking import (
    children,
    function_name,
    inner,
    kind,
    of_kind,
    shown,
    strings,
)
from migrations_runner.kinds import Node, enum_name

#: Each call gives a value of its own, so which row gets which is open in one statement, too.
_OWN_VALUES = frozenset(
    {
        "random",
        "random_normal",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "gen_random_bytes",
        "gen_salt",
        "nextval",
        "clock_timestamp",
    }
)
_TIMES = frozenset({"now", "transaction_timestamp", "statement_timestamp"})
#: Stable for PostgreSQL, but of one transaction, session or moment.
_OF_A_TRANSACTION = frozenset(
    {
        "txid_current_snapshot",
        "pg_current_snapshot",
        "txid_current_if_assigned",
        "pg_current_xact_id_if_assigned",
        "pg_backend_pid",
        "inet_client_port",
    }
)
_TIME_WORDS = frozenset({"now", "today", "tomorrow", "yesterday"})
_TIME_TYPES = frozenset({"date", "time", "timetz", "timestamp", "timestamptz"})
_SAME_EVERYWHERE = frozenset(
    f"SVFOP_{name}"
    for name in ("CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER", "CURRENT_CATALOG")
) | {"SVFOP_CURRENT_SCHEMA"}
_ADVICE = "each batch would have its own time; give the time as a variable"


def unsteady(node: Node, facts: Facts) -> Iterator[str]:
    """Why parts of a statement can't be told to give the same in every batch."""
    for call in of_kind(node, "FuncCall"):
        yield from _call(call, facts)
    for value in of_kind(node, "SQLValueFunction"):
        name = enum_name(value, "op")
        if name not in _SAME_EVERYWHERE:
            yield f"it asks for {name.removeprefix('SVFOP_')}: {_ADVICE}"
    yield from _words_of_time(node)
    for select in of_kind(node, "SelectStmt"):
        if (select.HasField("limit_count") or select.HasField("limit_offset")) and not (
            select.sort_clause
        ):
            yield "a LIMIT without ORDER BY takes any rows, and each batch may take others"
    for expression in of_kind(node, "A_Expr"):
        operator = strings(list(expression.name))[-1]
        if operator in facts.open_operators:
            yield f"the operator {operator} is made here and not declared immutable"
    for _ in of_kind(node, "RangeTableSample"):
        yield "TABLESAMPLE takes any rows, and each batch would take others"
    for _ in of_kind(node, "ParamRef", "CurrentOfExpr"):
        yield "it refers to a parameter or a cursor of another place"


def own_values(node: Node) -> list[str]:
    """What to say of functions that give each row a value of its own."""
    names = {function_name(call)[1] for call in of_kind(node, "FuncCall")} & _OWN_VALUES
    return [f"{name}() gives each row a value of its own" for name in sorted(names)]


def is_aggregate(call: Node, facts: Facts) -> bool:
    known = facts.functions.get(function_name(call))
    return bool(call.agg_star or (known and known.aggregate))


def _call(call: Node, facts: Facts) -> Iterator[str]:
    name = function_name(call)
    known, word = facts.functions.get(name), name[1]
    if known is None:
        yield f"there is no function {shown(name)} on this target"
    elif word in _TIMES or (word == "age" and len(call.args) == 1):
        yield f"it asks for {word}(): {_ADVICE}"
    elif not known.builtin and known.volatility != "i" and word not in _OWN_VALUES:
        yield f"the function {shown(name)} is made here and not declared immutable"
    elif (known.volatility == "v" and word not in _OWN_VALUES) or word in _OF_A_TRANSACTION:
        yield f"{word}() depends on the transaction or on what was done before"
    elif "_to_xml" in word:
        yield f"{word}() reads tables"


def _words_of_time(node: Node) -> Iterator[str]:
    """The string 'now' becomes a time where a time is wanted."""
    stack = [(inner(node), True)]
    while stack:
        one, open_ = stack.pop()
        if kind(one) == "A_Const" and open_ and one.sval.sval.strip().lower() in _TIME_WORDS:
            word = one.sval.sval.strip().lower()
            yield f"'{word}' may mean a time ({_ADVICE}); write '{word}'::text for the word"
        if kind(one) == "TypeCast":
            into_time = strings(list(one.type_name.names))[-1] in _TIME_TYPES
            stack.append((inner(one.arg), into_time))
        else:
            stack.extend((child, open_ or kind(child) != "A_Const") for child in children(one))
