"""The SQL that a batch really runs: the script's statement, narrowed to a range of keys. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from migrations_runner.backfill.locality import Plan
from migrations_runner.backfill.walking import inner, kind
from migrations_runner.kinds import Node
from migrations_runner.parsing import deparse, parse_tree
from migrations_runner.quoting import quote_identifier as quoted

_PLACES = frozenset({"location", "stmt_location", "stmt_len", "list_start", "list_end"})

_STEP = (
    'SELECT {texts}, "rc rows" FROM (SELECT {names}, row_number() OVER (ORDER BY {names})'
    ' AS "rc rows" FROM {table} WHERE {both} ORDER BY {names} LIMIT {most}) AS batch'
    ' ORDER BY "rc rows" DESC LIMIT 1'
)


@dataclass(frozen=True, slots=True)
class Batched:
    """Statements with numbered parameters; a key takes as many as it has columns.

    `step` finds a batch's last key and how many rows it has: (upper key, most rows, lower key).
    `change` is the script's statement for (upper key, lower key): above the one, up to the other.
    Their `first_` forms have no lower key; `single` takes one key and does one row.
    """

    step: str
    change: str
    first_step: str
    first_change: str
    single: str

    @property
    def shown(self) -> str:
        """Both steps of a batch for people, who read names better than numbers."""
        return f"{self.step};\n{self.change};"


class NotFaithful(Exception):
    """The statement, written anew from its tree, would not be the same statement."""


def rewrite(node: Node, plan: Plan) -> Batched:
    """Cut a row-local statement by its plan. Raises NotFaithful."""
    width = len(plan.key.columns)
    upper, lower = _compare(plan, "<=", 1), _compare(plan, ">", width + 1)
    return Batched(
        step=_step(plan, _compare(plan, ">", width + 2)),
        change=_narrowed(node, f"{lower} AND {upper}"),
        first_step=_step(plan, ""),
        first_change=_narrowed(node, upper),
        single=_narrowed(node, _compare(plan, "=", 1)),
    )


def table(plan: Plan) -> str:
    """The walked table in SQL, by the name that the target knows it by."""
    return f"{quoted(plan.relation.schema)}.{quoted(plan.relation.name)}"


def columns(plan: Plan, *, of: str = "", suffix: str = "") -> str:
    """The key's columns; name the table to sort by them where texts of the same names stand."""
    before = f"{quoted(of)}." if of else ""
    return ", ".join(f"{before}{quoted(column.name)}{suffix}" for column in plan.key.columns)


def texts(plan: Plan) -> str:
    """The key's columns as texts, in a select list."""
    return ", ".join(f"{quoted(column.name)}::text" for column in plan.key.columns)


def _compare(plan: Plan, operator: str, first: int) -> str:
    """``("t"."a", "t"."b") > ($1::bigint, $2::text)``; without rows where the key is one column."""
    alias = quoted(plan.alias)
    ours = [f"{alias}.{quoted(column.name)}" for column in plan.key.columns]
    given = [f"${first + at}::{column.type}" for at, column in enumerate(plan.key.columns)]
    if len(ours) == 1:
        return f"{ours[0]} {operator} {given[0]}"
    return f"({', '.join(ours)}) {operator} ({', '.join(given)})"


def _step(plan: Plan, lower: str) -> str:
    width, names = len(plan.key.columns), columns(plan)
    both = " AND ".join(part for part in (lower, _compare(plan, "<=", 1)) if part)
    return _STEP.format(
        texts=texts(plan),
        names=names,
        table=f"{table(plan)} AS {quoted(plan.alias)}",
        both=both,
        most=f"${width + 1}",
    )


def _narrowed(node: Node, condition: str) -> str:
    """The statement with a further condition on the rows of the walked table."""
    tree = _again(node)
    statement = inner(tree.stmts[0].stmt)
    query = inner(statement.select_stmt) if kind(statement) == "InsertStmt" else statement
    wrapped = parse_tree(f"SELECT WHERE a AND {condition}")
    both = inner(wrapped.stmts[0].stmt).where_clause
    if query.HasField("where_clause"):
        both.bool_expr.args[0].CopyFrom(query.where_clause)
    else:
        del both.bool_expr.args[0]
    query.where_clause.CopyFrom(both if len(both.bool_expr.args) > 1 else both.bool_expr.args[0])
    return deparse(tree)


def _again(node: Node) -> Node:
    """A copy of the statement's tree that went through SQL text once, and is known to be equal."""
    tree = parse_tree(deparse(node))
    copied = type(node)()
    copied.CopyFrom(inner(tree.stmts[0].stmt))
    original = type(node)()
    original.CopyFrom(node)
    for one in (copied, original):
        _forget_places(one)
    if copied != original:
        raise NotFaithful
    return tree


def _forget_places(node: Node) -> None:
    for field, value in node.ListFields():
        if field.name in _PLACES:
            node.ClearField(field.name)
        elif field.message_type is not None:
            for one in value if field.is_repeated else (value,):
                _forget_places(one)
