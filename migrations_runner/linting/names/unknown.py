"""Names that nothing has: tables and columns that are certainly not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.linting.names.mending import mend_insert
from migrations_runner.linting.names.record import Reference
from migrations_runner.linting.names.view import Found, Seen

COLUMN, TABLE = "unknown-column", "unknown-table"
_WHY = "The server refuses the statement, and nothing of the script stays."
_NAMES = "Name a column of a table in the FROM clause, or put text in quotes: 'text'."


def unknown_column(seen: Seen) -> Iterator[Found]:
    """Columns that no table in sight has, and columns that a write's table lacks."""
    for reference in seen.walked.references:
        if reference.verdict == "no-column":
            yield _column(seen, reference)
    for target, table in seen.walked.missing_targets:
        if not seen.view.is_variable(target.location):
            message = f"{table.label} has no column {target.name}{_near(target.name, table.names)}."
            yield seen.found(
                COLUMN,
                "error",
                target.location,
                message,
                why=_WHY,
                safe_form=f"Its columns are {', '.join(table.names)}.",
            )


def unknown_table(seen: Seen) -> Iterator[Found]:
    """Tables that are not there, and names in front of a column that no FROM item has."""
    for table in seen.walked.missing_tables:
        if not seen.view.is_variable(table.location):
            name = f"{table.schemaname}.{table.relname}" if table.schemaname else table.relname
            known = tuple(each for _, each in seen.catalog.tables)
            yield _table(seen, table.location, f"There is no table {name}{_near(name, known)}.")
    for reference in seen.walked.references:
        if reference.verdict == "no-relation":
            name = ".".join(reference.names[:-1])
            message = f"{name} is not in the FROM clause of this query, nor outside of it."
            yield _table(seen, reference.location, message)


def _column(seen: Seen, reference: Reference) -> Found:
    name, source = reference.names[-1], reference.source
    if source is not None:
        label = source.table.label if source.table else source.name
        message = f"{label} has no column {name}{_near(name, _fields(reference))}."
    elif reference.query.scope.sources:
        message = f"No table of this query has a column {name}{_near(name, _fields(reference))}."
    else:
        message = f"{name} is no column here: there is no FROM clause that could bring one."
    return seen.found(
        COLUMN,
        "error",
        reference.location,
        message,
        why=_WHY,
        safe_form=_NAMES,
        rewrite=mend_insert(seen, reference),
    )


def _table(seen: Seen, location: int, message: str) -> Found:
    return seen.found(
        TABLE,
        "error",
        location,
        message,
        why=_WHY,
        safe_form="Name the table as it is called, with its schema if it needs one.",
    )


def _fields(reference: Reference) -> tuple[str, ...]:
    sources = [reference.source] if reference.source else reference.query.scope.sources
    return tuple(field.name for each in sources for field in each.columns.fields)


def _near(name: str, known: tuple[str, ...]) -> str:
    """What to add for a name that is one slip away: ``, but user_id``."""
    plain = name.replace("_", "").casefold()
    slips = {each for each in known if each != name and _is_slip(plain, each)}
    return f", but {slips.pop()}" if len(slips) == 1 else ""


def _is_slip(plain: str, other: str) -> bool:
    there = other.replace("_", "").casefold()
    return there in {plain, f"{plain}s"} or plain == f"{there}s"
