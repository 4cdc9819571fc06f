"""The rules about names, applied to a script: hazards 35 to 38 of the table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.names.arbitrary import arbitrary_row_as_key
from migrations_runner.linting.names.capture import outer_column_capture
from migrations_runner.linting.names.reruns import insert_without_conflict_key
from migrations_runner.linting.names.unknown import unknown_column, unknown_table
from migrations_runner.linting.names.variables import unquoted_variable, unset_variable
from migrations_runner.linting.names.view import Found, Seen, seen
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused

#: Each looks at one statement with the tables as they stand before it.
RULES: tuple[Callable[[Seen], Iterator[Found]], ...] = (
    outer_column_capture,
    unknown_column,
    unknown_table,
    arbitrary_row_as_key,
    insert_without_conflict_key,
)


def look(
    text: str, catalog: Catalog | None = None, variables: Mapping[str, str] | None = None
) -> tuple[Found, ...]:
    """Everything the rules about names have to say of a script, in the order of its lines.

    A script that cannot be read gives nothing here: what is wrong with it is told elsewhere.
    """
    try:
        script = parse_script(text, None)
        unset = list(unset_variable(text, variables))
    except ScriptRefused:
        return ()
    found = [one for each in seen(script, catalog) for one in _of(each, variables)]
    return tuple(sorted((*unset, *found), key=lambda one: (one.line, one.column, one.rule)))


def _of(each: Seen, variables: Mapping[str, str] | None) -> Iterator[Found]:
    for rule in RULES:
        yield from rule(each)
    yield from unquoted_variable(each, variables)
