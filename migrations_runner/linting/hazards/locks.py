"""Locks of one transaction, held longer than need be. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting.context import Context, commands, same_table
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import kind, part, parts
from migrations_runner.script import Statement

#: Parts of ALTER TABLE that take less than ACCESS EXCLUSIVE.
_GENTLE = {
    "AT_AttachPartition", "AT_ClusterOn", "AT_ResetOptions", "AT_ResetRelOptions",
    "AT_SetOptions", "AT_SetRelOptions", "AT_SetStatistics", "AT_ValidateConstraint",
    "AT_DropCluster", "AT_EnableTrig", "AT_DisableTrig", "AT_EnableTrigAll", "AT_DisableTrigAll",
    "AT_EnableTrigUser", "AT_DisableTrigUser",
}  # fmt: skip
_SCANS = {"AT_SetNotNull", "AT_AlterColumnType", "AT_ValidateConstraint"}


def takes_exclusive(node: Node) -> bool:
    """ALTER TABLE with a part that keeps even readers out."""
    return any(
        name not in _GENTLE and not _is_foreign_key(command) for name, command in commands(node)
    )


def _is_foreign_key(command: Node) -> bool:
    held = part(command, "def")
    return (
        kind(held) == "Constraint" and enum_name(held, "contype") == "CONSTR_FOREIGN"
        if held is not None
        else False
    )


def exclusive_before(at: Context) -> Node | None:
    """The existing table that an earlier ALTER TABLE of this transaction keeps locked."""
    made = {
        (each.node.relation.schemaname, each.node.relation.relname)
        for each in at.before
        if kind(each.node) == "CreateStmt"
    }
    for statement in at.before:
        node = statement.node
        if takes_exclusive(node):
            relation = node.relation
            if (relation.schemaname, relation.relname) not in made and not at.is_new(relation):
                return relation
    return None


def kept_while_working(at: Context) -> Iterator[Hit]:
    """After an exclusive lock, work that takes its time, on whatever table."""
    if not at.together:
        return
    locked = exclusive_before(at)
    if locked is None or at.is_new(at.node.relation) or not _takes_time(at):
        return
    if same_table(locked, at.node.relation) and kind(at.node) == "AlterTableStmt":
        return  # told as several ALTERs of one table, or as validated at once
    yield Hit(f"{locked.relname} has been locked since its ALTER TABLE, and stays so meanwhile.")


def _takes_time(at: Context) -> bool:
    if kind(at.node) == "IndexStmt":
        return True
    return _is_scanning(at.node)


def _is_scanning(node: Node) -> bool:
    for name, command in commands(node):
        if name in _SCANS:
            return True
        held = part(command, "def")
        if name == "AT_AddConstraint" and held is not None and not held.skip_validation:
            return enum_name(held, "contype") in {"CONSTR_CHECK", "CONSTR_FOREIGN"}
    return False


def could_be_one(at: Context) -> Iterator[Hit]:
    """A second ALTER TABLE that reads the whole table which another has read already."""
    relation = at.node.relation
    if at.is_new(relation) or not _is_scanning(at.node) or _validates_only(at.node):
        return
    earlier = [
        each
        for each in at.before
        if kind(each.node) == "AlterTableStmt"
        and same_table(each.node.relation, relation)
        and _is_scanning(each.node)
        and not _validates_only(each.node)
    ]
    if earlier:
        yield Hit(
            f"{relation.relname} is read through once more; line {earlier[-1].line} does that"
            " already.",
            rewrite=_joined(at, earlier[-1]),
        )


def _validates_only(node: Node) -> bool:
    return all(name == "AT_ValidateConstraint" for name, _ in commands(node))


def _joined(at: Context, earlier: Statement) -> str:
    return at.written(
        earlier.node, lambda copy: [copy.cmds.add().CopyFrom(each) for each in at.node.cmds]
    )


def sets_timeout(at: Context) -> Iterator[Hit]:
    """A script that lifts the limits which the runner sets for each session."""
    name = at.node.name.lower()
    if name not in {"lock_timeout", "statement_timeout", "transaction_timeout"}:
        return
    value = _milliseconds(at.node)
    if value == 0 or (name == "lock_timeout" and value is not None and value > _BUDGET):
        without = "off" if value == 0 else f"to {value:,} ms"
        yield Hit(f"Sets {name} {without}; the runner has set it from the target's stall budget.")


#: A target's usual stall budget in milliseconds.
_BUDGET = 200
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def _milliseconds(node: Node) -> int | None:
    """What SET gives, as PostgreSQL reads it; DEFAULT and RESET take the limit off."""
    kind_of_set = enum_name(node, "kind")
    if kind_of_set in {"VAR_SET_DEFAULT", "VAR_RESET"}:
        return 0
    constant = next(iter(parts(node, "args")), None)
    if constant is None or kind(constant) != "A_Const":
        return None
    if constant.HasField("ival"):
        return int(constant.ival.ival)
    return _with_unit(constant.sval.sval) if constant.HasField("sval") else None


def _with_unit(text: str) -> int | None:
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip()[len(number) :].strip() or "ms"
    try:
        return int(float(number) * _UNITS[unit])
    except (KeyError, ValueError):
        return None
