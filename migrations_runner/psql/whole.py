"""A whole script, its backslash commands obeyed as far as they can be beforehand. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from migrations_runner.lexing import without_bom
from migrations_runner.psql.commands import obey
from migrations_runner.psql.reading import Columns, Reading
from migrations_runner.psql.values import given


def read_script(
    text: str, values: Mapping[str, str] | None, includes: Mapping[str, str], columns: Columns
) -> Reading:
    """The whole script; with `values` None, variables are open: anybody may still give them."""
    reading = Reading(given(values), includes, columns, obey, open=values is None)
    reading.read("", without_bom(text))
    return reading
