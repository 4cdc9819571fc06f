"""Hazard 38: psql variables without a value, and text put in without quotes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrations_runner.kinds import Node
from migrations_runner.linting.names.view import Found, Seen
from migrations_runner.linting.nodes import children, kind, name_of, part
from migrations_runner.linting.type_names import needs_quotes, type_name
from migrations_runner.psql.marks import Variable
from migrations_runner.variables import find, required

UNSET, UNQUOTED = "unset-variable", "unquoted-variable"


def unset_variable(text: str, variables: Mapping[str, str] | None) -> Iterator[Found]:
    """Every use of a variable that nobody gave a value, once values are given at all."""
    missing = set(required(text)) - set(variables or ())
    for use in find(text) if variables is not None else ():
        if use.name in missing and use.form != "test":
            yield Found(
                UNSET,
                "error",
                use.line,
                use.column,
                f"{use.name} has no value.",
                "psql would send the name itself, which fails later or means something else.",
                f"Give {use.name} a value with the run, or \\set it in the script.",
            )


def unquoted_variable(seen: Seen, variables: Mapping[str, str] | None) -> Iterator[Found]:
    """Bare ``:x`` where text is expected: it breaks, or lets its value change the statement."""
    for use, location, level, message in _bare(seen, variables or {}):
        yield seen.found(
            UNQUOTED,
            level,
            location,
            message,
            why=(
                "Bare, the value is put in as SQL: a UUID is no number, text is taken for a column,"
                " and 'x' OR true would change every row."
            ),
            safe_form=f"Write :'{use.name}': the value goes in as one string, whatever it holds.",
            # Only the variable: the statement around it may be wrong in its own ways.
            rewrite=f":'{use.name}'",
        )


def _bare(seen: Seen, values: Mapping[str, str]) -> Iterator[tuple[Variable, int, str, str]]:
    for node in seen.walked.variables:
        use = seen.view.variable(node.location)
        if use is None or use.form != "raw":
            continue
        known, beside = _expected(seen, node)
        must = f"so it must be written :'{use.name}'"
        if known and needs_quotes(known):
            for_it = f"{beside}, " if beside else ""
            message = f":{use.name} stands for {for_it}a value of type {known}, {must}."
            yield use, node.location, "error", message
        elif not known and beside and not _is_number(values.get(use.name, "")):
            level = "error" if values.get(use.name) else "warning"
            message = f":{use.name} stands bare where {beside} may be text: write :'{use.name}'."
            yield use, node.location, level, message


def _expected(seen: Seen, node: Node) -> tuple[str, str]:
    """The type that is wanted there, if that can be told, and the column it stands beside."""
    for cast, inside in seen.walked.casts:
        if inside.location == node.location:
            return type_name(cast.type_name), ""
    for feed in seen.walked.feeds:
        if kind(feed.value) == "ColumnRef" and feed.value.location == node.location:
            table = feed.write.table
            column = table.column(feed.column) if table else None
            label = table.label if table else feed.write.relation.relname
            return column.type if column else "", f"{label}.{feed.column}"
    for operation, _, _ in seen.walked.operators:
        if _holds(operation, node):
            return _beside(seen, operation)
    return "", ""


def _holds(operation: Node, node: Node) -> bool:
    """Is it a side of the comparison, or in its list?"""
    sides = [each for each in children(operation) if kind(each) in {"ColumnRef", "List"}]
    lists = [each for side in sides if kind(side) == "List" for each in children(side)]
    return any(
        kind(each) == "ColumnRef" and each.location == node.location for each in (*sides, *lists)
    )


def _beside(seen: Seen, operation: Node) -> tuple[str, str]:
    for side in ("lexpr", "rexpr"):
        other = part(operation, side)
        found = seen.walked.reference(other) if other is not None and _is_name(other) else None
        if found is not None and found.field is not None and found.field.origin is not None:
            table, name = found.field.origin
            column = table.column(name)
            return column.type if column else "", f"{table.label}.{name}"
        if found is not None:
            return "", ".".join(name_of(other))
    return "", ""


def _is_name(node: Node) -> bool:
    return kind(node) == "ColumnRef"


def _is_number(value: str) -> bool:
    return bool(value) and value.lstrip("+-").replace(".", "", 1).isdigit()
