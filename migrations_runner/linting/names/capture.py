"""Hazard 35: a name in a subquery that its tables do not have, so it means the row outside. Pure.

``WHERE user_id = projects.user_id`` in a subquery over a table without user_id compares a book's
owner with itself: the subquery then finds anybody's row. PostgreSQL calls that correct.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node
from migrations_runner.linting.names.mending import mend_capture
from migrations_runner.linting.names.record import Query, Reference
from migrations_runner.linting.names.scopes import Scope
from migrations_runner.linting.names.view import Found, Seen
from migrations_runner.linting.nodes import below, conjuncts, kind, operator, part, parts

RULE = "outer-column-capture"
COMPARISONS = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
_FILTERS = frozenset({"where", "on", "having"})
_DISTINCT, _NOT_DISTINCT = 4, 5
_EXISTS = 1

_WHY = (
    "A name that the subquery's own tables do not have is taken from the row outside, without a"
    " word. The condition then says nothing about the rows inside, and any of them will do."
)
_SAFE = "Write every column of a subquery with its table in front: table.column."


def outer_column_capture(seen: Seen) -> Iterator[Found]:
    """Names that a subquery takes from outside, and comparisons of a column with itself."""
    told: set[int] = set()
    for bare, outer, operation in _perhaps(seen):
        told |= {bare.location, outer.location}
        yield _perhaps_captured(seen, bare, outer, operation)
    for left, right, operation in _selves(seen):
        bare = left if len(left.names) == 1 else right
        told |= {left.location, right.location}
        yield _tautology(seen, bare, operation)
    for reference in seen.walked.references:
        if reference.location not in told and _is_captured(reference):
            yield from _captured(seen, reference)


def _selves(seen: Seen) -> Iterator[tuple[Reference, Reference, Node]]:
    """Filters that compare a column with itself."""
    for node, _, clause in seen.walked.operators:
        compares = operator(node) in COMPARISONS or node.kind in {_DISTINCT, _NOT_DISTINCT}
        if not compares or clause not in _FILTERS:
            continue
        sides = [part(node, side) for side in ("lexpr", "rexpr")]
        left, right = (seen.walked.reference(s) if _is_name(s) else None for s in sides)
        if left and right and (left.is_same_as(right) or _same_words(left, right)):
            yield left, right, node


def _perhaps(seen: Seen) -> Iterator[tuple[Reference, Reference, Node]]:
    """``x = outer.x`` in a subquery, where not all columns of the tables are known."""
    for node, _, clause in seen.walked.operators:
        if operator(node) not in COMPARISONS or clause not in _FILTERS:
            continue
        sides = [part(node, side) for side in ("lexpr", "rexpr")]
        pair = [seen.walked.reference(s) for s in sides if _is_name(s)]
        for bare, other in (pair, pair[::-1]) if len(pair) == len(sides) else ():
            if bare and other and _may_be(bare, other):
                yield bare, other, node


def _may_be(bare: Reference, outer: Reference) -> bool:
    """Is the one a bare name that we can't place, the other the same name of a row outside?"""
    if bare.verdict != "unsure" or outer.names[1:] != bare.names or outer.query is not bare.query:
        return False
    inside = {source.name for source in bare.query.scope.sources}
    return outer.names[0] not in inside and _is_around(outer.names[0], bare.query.scope.parent)


def _is_around(name: str, scope: Scope | None) -> bool:
    while scope is not None:
        if any(source.name == name for source in scope.sources):
            return True
        scope = scope.parent
    return False


def _perhaps_captured(seen: Seen, bare: Reference, outer: Reference, operation: Node) -> Found:
    name, inside, outside = bare.names[0], _inside(bare.query), ".".join(outer.names)
    if not any(source.columns.open for source in bare.query.scope.sources):
        return _found(seen, bare, "error", _self_words(inside, outside, name, operation))
    message = (
        f"Cannot tell whether {inside} has a column {name}: its columns are not known here. If it"
        f" has none, {name} means {outside} and is compared with itself: any row of {inside} will"
        f" do. Write {inside}.{name}, which fails where that is so, or choose a target."
    )
    return _found(seen, bare, "warning", message)


def _is_name(node: Node | None) -> bool:
    return node is not None and kind(node) == "ColumnRef"


def _same_words(left: Reference, right: Reference) -> bool:
    """Whatever it means, it means the same twice; true without knowing any table."""
    return left.names == right.names and left.query is right.query and left.verdict == "unsure"


def _tautology(seen: Seen, bare: Reference, operation: Node) -> Found:
    name = bare.names[-1]
    if not (bare.is_outer and len(bare.names) == 1):
        message = f"{'.'.join(bare.names)} is compared with itself, which is {_always(operation)}."
        return _found(seen, bare, "error", message)
    message = _self_words(_inside(bare.query), _outside(bare), name, operation)
    return _found(seen, bare, "error", message, rewrite=mend_capture(seen, bare))


def _self_words(inside: str, outside: str, name: str, operation: Node) -> str:
    return (
        f"{inside} has no column {name}, so {name} is {outside} here and is compared with itself,"
        f" which is {_always(operation)}: any row of {inside} will do."
    )


def _always(operation: Node) -> str:
    return "always true" if operator(operation) in {"=", "<=", ">="} else "never true"


def _is_captured(reference: Reference) -> bool:
    return (
        reference.is_outer
        and len(reference.names) == 1
        and reference.clause != "function"
        and reference.query.reads_tables
        and not _in_exists_list(reference)
    )


def _captured(seen: Seen, reference: Reference) -> Iterator[Found]:
    name, inside, outside = reference.names[0], _inside(reference.query), _outside(reference)
    what = f"{inside} has no column {name}, so {name} is {outside} here"
    if _is_all_of_it(reference):
        message = f"{what}: each row is compared with its own value, which is always found."
        yield _found(seen, reference, "error", message, rewrite=mend_capture(seen, reference))
    elif _says_nothing_inside(seen, reference):
        message = f"{what}: the condition does not look at {inside} at all."
        yield _found(seen, reference, "error", message, rewrite=mend_capture(seen, reference))
    else:
        message = f"{what}. If that is meant, write {outside}."
        yield _found(seen, reference, "warning", message)


def _found(
    seen: Seen, reference: Reference, level: str, message: str, *, rewrite: str | None = None
) -> Found:
    return seen.found(
        RULE, level, reference.location, message, why=_WHY, safe_form=_SAFE, rewrite=rewrite
    )


def _inside(query: Query) -> str:
    names = [source.table.label if source.table else source.name for source in query.scope.sources]
    return " or ".join(dict.fromkeys(name for name in names if name)) or "the subquery"


def _outside(reference: Reference) -> str:
    source = reference.source
    return f"{source.name}.{reference.names[-1]}" if source and source.name else reference.names[-1]


def _in_exists_list(reference: Reference) -> bool:
    link = reference.query.sublink
    return reference.clause == "select" and link is not None and link.node.sub_link_type == _EXISTS


def _is_all_of_it(reference: Reference) -> bool:
    """``IN (SELECT x FROM t)`` where x is not of t."""
    node, link = reference.query.node, reference.query.sublink
    if reference.clause != "select" or link is None or kind(node) != "SelectStmt":
        return False
    values = [part(target, "val") for target in parts(node, "target_list")]
    return len(values) == 1 and _is_at(values[0], reference)


def _is_at(node: Node | None, reference: Reference) -> bool:
    return _is_name(node) and node is not None and node.location == reference.location


def _says_nothing_inside(seen: Seen, reference: Reference) -> bool:
    """Is the whole condition that it stands in about the row outside?"""
    if reference.clause not in _FILTERS:
        return False
    holder = {"where": "where_clause", "on": "quals", "having": "having_clause"}[reference.clause]
    node = reference.query.node
    condition = part(node, holder) if holder in node.DESCRIPTOR.fields_by_name else None
    for each in conjuncts(condition):
        inside = list(below(each))
        if any(_is_at(one, reference) for one in inside):
            return not any(_looks_inside(seen, one) for one in inside)
    return False


def _looks_inside(seen: Seen, node: Node) -> bool:
    """Is it a column of the subquery, or a query or star that may look at any?"""
    if kind(node) == "SelectStmt":
        return True
    found = seen.walked.reference(node) if kind(node) == "ColumnRef" else None
    return found is not None and not found.is_outer
