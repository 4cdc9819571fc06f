"""Is a statement row-local? Then it may run in batches. Pure.

Row-local: what becomes of a row depends on that row, and on tables that the statement does not
change, and on nothing else. Any order and any partition of such rows leaves what the one statement
would have left. What can't be shown is refused with its reason; nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrations_runner.backfill import expressions, sources
from migrations_runner.backfill.facts import Facts, Key, Relation
from migrations_runner.backfill.walking import (
    Name,
    alias_of,
    inner,
    kind,
    of_kind,
    shown,
    table_name,
)
from migrations_runner.kinds import Node, enum_name


@dataclass(frozen=True, slots=True)
class Plan:
    """How to walk: over `relation` by `key`; the statement calls its rows `alias`."""

    relation: Relation
    written: Name
    alias: str
    key: Key


@dataclass(frozen=True, slots=True)
class Proof:
    """`reasons` tell why not, and then there is no plan; `notes` tell what to know all the same."""

    plan: Plan | None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def prove(node: Node, facts: Facts) -> Proof:
    """Whether one parsed statement may run in batches over a key of its table."""
    examine = _EXAMINERS.get(kind(node))
    if examine is None:
        return Proof(None, ("only UPDATE, DELETE and INSERT … SELECT can be cut into batches",))
    case = _Case(node, facts, [], [])
    plan = examine(case)
    if case.reasons or plan is None:
        return Proof(None, tuple(dict.fromkeys(case.reasons)))
    return Proof(plan, (), tuple(dict.fromkeys(case.notes)))


@dataclass
class _Case:
    """One statement under examination."""

    node: Node
    facts: Facts
    reasons: list[str]
    notes: list[str]

    def refuse(self, reason: str) -> None:
        self.reasons.append(reason)

    def relation(self, name: Name) -> Relation | None:
        found = self.facts.relations.get(name)
        if found is None:
            self.refuse(f"there is no table {shown(name)} on this target")
        return found


def _update(case: _Case) -> Plan | None:
    changed = frozenset(_assigned(case.node))
    target = _common(case, "UPDATE")
    if target is None:
        return None
    if late := sorted(changed & target.checked_late):
        case.refuse(f"{', '.join(late)} has a constraint that is checked late, over many rows")
    if own := sorted(changed & target.refers_to_itself):
        case.refuse(f"other rows of the same table refer to {', '.join(own)}, which it changes")
    for column in sorted(_to_default(case.node) & target.timed_defaults):
        case.refuse(f"the default of {column} would be another one in each batch")
    if case.node.from_clause:
        _note_matches(case, target)
    return _walked(case, case.node.relation, target, without=changed)


def _delete(case: _Case) -> Plan | None:
    target = _common(case, "DELETE")
    if target is None:
        return None
    if target.deletes_reach_back:
        case.refuse("its rows refer to each other, so deleting one may touch another")
    return _walked(case, case.node.relation, target, without=frozenset())


def _insert(case: _Case) -> Plan | None:
    target = _common(case, "INSERT")
    select = inner(case.node.select_stmt) if case.node.HasField("select_stmt") else None
    if select is None or select.values_lists:
        case.refuse("it inserts given values, not the rows of a table")
        return None
    for reason in sources.reshaped(select, case.facts):
        case.refuse(reason)
    driver = sources.driver(select)
    if driver is not None and _is_cte(case.node, table_name(driver)):
        driver = None
    if driver is None:
        case.refuse("its rows come from no plain table that could be walked by a key")
    if target is None or driver is None:
        return None
    _late_values(case, target)
    source = case.relation(table_name(driver))
    plan = _walked(case, driver, source, without=frozenset()) if source else None
    if plan is not None:
        _conflicts(case, plan, select)
    return plan


_EXAMINERS: dict[str, Callable[[_Case], Plan | None]] = {
    "UpdateStmt": _update,
    "DeleteStmt": _delete,
    "InsertStmt": _insert,
}


def _common(case: _Case, event: str) -> Relation | None:
    """What holds for all three: nothing returned, nothing else written, nothing read back."""
    if case.node.HasField("returning_clause"):
        case.refuse("RETURNING gives back the rows of the one statement, which batches do not have")
    for other in _statements_inside(case.node):
        case.refuse(f"it holds another statement that writes ({kind(other)[:-4].upper()})")
    for reason in expressions.unsteady(case.node, case.facts):
        case.refuse(reason)
    case.notes.extend(expressions.own_values(case.node))
    target = case.relation(table_name(case.node.relation))
    if target is not None:
        _writable(case, target, event)
        _not_read(case, target)
    return target


def _statements_inside(node: Node) -> Iterator[Node]:
    return (
        one
        for one in of_kind(node, "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
        if one is not node
    )


def _writable(case: _Case, target: Relation, event: str) -> None:
    if target.kind not in {"r", "p"}:
        case.refuse(f"{target.name} is no table, so what a write to it does is not known")
    if target.has_rules:
        case.refuse(f"{target.name} has rules, which turn the statement into others")
    for trigger in target.triggers:
        if event not in trigger.events and not (event == "INSERT" and _upserts(case.node, trigger)):
            continue
        if trigger.per_row:
            case.notes.append(f"the trigger {trigger.name} runs for each row, batch by batch")
        else:
            case.refuse(f"the trigger {trigger.name} runs once a statement and would see batches")


def _upserts(node: Node, trigger: object) -> bool:
    events: frozenset[str] = getattr(trigger, "events", frozenset())
    return "UPDATE" in events and _on_conflict(node) == "ONCONFLICT_UPDATE"


def _not_read(case: _Case, target: Relation) -> None:
    """No subquery, no joined table, no view may show rows that this statement changes."""
    for used in of_kind(case.node, "RangeVar"):
        name = table_name(used)
        if used is case.node.relation:
            continue
        seen = case.facts.relations.get(name)
        if seen is None:
            if not _is_cte(case.node, name):
                case.refuse(f"there is no table {shown(name)} on this target")
        elif seen.oids & target.oids:
            through = "" if seen.oid == target.oid else f" through {shown(name)}"
            case.refuse(
                f"a subquery or join reads {target.name}{through}, which this statement changes"
            )


def _is_cte(node: Node, name: Name) -> bool:
    return not name[0] and any(each.ctename == name[1] for each in of_kind(node, "CommonTableExpr"))


def _walked(
    case: _Case, range_var: Node, relation: Relation, *, without: frozenset[str]
) -> Plan | None:
    """The plan over the best key that the statement does not change."""
    if relation.kind not in {"r", "p"}:
        case.refuse(f"{relation.name} is no table with a key to walk by")
        return None
    if relation.has_children and relation.kind == "r" and range_var.inh:
        case.refuse(f"{relation.name} has children, and a key is unique only in each of them")
        return None
    key = next((key for key in relation.keys if not key.names & without), None)
    if key is None:
        changed = relation.keys and "it changes every key that its rows could be walked by"
        case.refuse(
            changed or f"{relation.name} has no primary key and no unique key without nulls"
        )
        return None
    return Plan(relation, table_name(range_var), alias_of(range_var), key)


def _assigned(node: Node) -> Iterator[str]:
    return (inner(target).name for target in node.target_list)


def _to_default(node: Node) -> frozenset[str]:
    targets = (inner(target) for target in node.target_list)
    return frozenset(each.name for each in targets if kind(inner(each.val)) == "SetToDefault")


def _note_matches(case: _Case, target: Relation) -> None:
    case.notes.append(
        f"where several joined rows match one row of {target.name}, which of them counts is as"
        " open as in the one statement"
    )


def _late_values(case: _Case, target: Relation) -> None:
    given = {inner(column).name for column in case.node.cols}
    if left := sorted(target.timed_defaults - given) if given else []:
        case.notes.append(f"the default of {', '.join(left)} is taken batch by batch")


def _on_conflict(node: Node) -> str:
    if not node.HasField("on_conflict_clause"):
        return ""
    return enum_name(node.on_conflict_clause, "action")


def _conflicts(case: _Case, plan: Plan, select: Node) -> None:
    """Two rows for one place: the one statement refuses them, batches would let the later win."""
    action = _on_conflict(case.node)
    if action == "ONCONFLICT_NOTHING":
        case.notes.append("of two rows for one place the first that comes stays")
    if action == "ONCONFLICT_UPDATE" and not sources.one_each(case.node, select, plan.key):
        case.refuse(
            "two rows may meet in one ON CONFLICT … DO UPDATE: its conflict columns are not fed by"
            f" the key of {plan.relation.name} ({', '.join(c.name for c in plan.key.columns)})"
        )
