"""What the columns of a query are called. Pure.

The rules are the server's (FigureColname in parse_target.c); where a name depends on more than the
text, the answer is "cannot tell".
"""

from __future__ import annotations

from collections.abc import Callable

from migrations_runner.kinds import Node
from migrations_runner.linting.nodes import kind, part, parts, strings

NAMELESS = "?column?"
#: A name taken from a column or function is kept under a cast; one made up from a type is not.
_STRONG, _WEAK = 2, 1


def output_name(target: Node) -> str | None:
    """What a ResTarget's column is called; None where it cannot be told."""
    if target.name:
        return str(target.name)
    name, _ = _figured(part(target, "val"))
    return name


def _figured(node: Node | None) -> tuple[str | None, int]:
    if node is None:
        return NAMELESS, 0
    special = _BY_KIND.get(kind(node))
    if special:
        return special(node)
    if kind(node) in _FIXED:
        return _FIXED[kind(node)], _STRONG
    return (NAMELESS, 0) if kind(node) in _PLAIN else (None, _STRONG)


def _column(node: Node) -> tuple[str | None, int]:
    names = strings(node, "fields")
    return (names[-1], _STRONG) if names else (NAMELESS, 0)


def _indirection(node: Node) -> tuple[str | None, int]:
    names = strings(node, "indirection")
    return (names[-1], _STRONG) if names else _figured(part(node, "arg"))


def _cast(node: Node) -> tuple[str | None, int]:
    name, strength = _figured(part(node, "arg"))
    if strength > _WEAK or name is None:
        return name, strength
    names = strings(node.type_name, "names")
    return (names[-1], _WEAK) if names else (NAMELESS, 0)


def _case(node: Node) -> tuple[str | None, int]:
    name, strength = _figured(part(node, "defresult"))
    return (name, strength) if strength > _WEAK or name is None else ("case", _WEAK)


def _sublink(node: Node) -> tuple[str | None, int]:
    named = {1: "exists", 7: "array"}.get(node.sub_link_type)
    if named:
        return named, _STRONG
    if node.sub_link_type != 5:  # noqa: PLR2004  (EXPR_SUBLINK)
        return NAMELESS, 0
    select = part(node, "subselect")
    targets = parts(select, "target_list") if select is not None else []
    return (output_name(targets[0]), _STRONG) if targets else (None, _STRONG)


def _operator(node: Node) -> tuple[str | None, int]:
    return ("nullif", _STRONG) if node.kind == 6 else (NAMELESS, 0)  # noqa: PLR2004  (NULLIF)


def _function(node: Node) -> tuple[str | None, int]:
    return strings(node, "funcname")[-1], _STRONG


_BY_KIND: dict[str, Callable[[Node], tuple[str | None, int]]] = {
    "A_Expr": _operator,
    "A_Indirection": _indirection,
    "CaseExpr": _case,
    "CollateClause": lambda node: _figured(part(node, "arg")),
    "ColumnRef": _column,
    "FuncCall": _function,
    "MinMaxExpr": lambda node: ("greatest" if node.op == 1 else "least", _STRONG),
    "SubLink": _sublink,
    "TypeCast": _cast,
}
_FIXED = {
    "A_ArrayExpr": "array",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "MergeSupportFunc": "merge_action",
    "RowExpr": "row",
}
_PLAIN = frozenset({"A_Const", "BoolExpr", "BooleanTest", "NullTest", "ParamRef", "SetToDefault"})
