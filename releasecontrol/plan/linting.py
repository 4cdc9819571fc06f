"""What lint says of the SQL that a plan has written out, before any of it is stored."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner import linted
from migrations_runner.linting import lint
from releasecontrol.plan.facts import Finding, Plan, SqlBlock

CODE = "sql"
#: A value that will be asked for is no finding of the plan: its form asks for it.
_LATER = frozenset({"variable-unset"})


def of_plan(plan: Plan) -> Iterator[Finding]:
    """Errors and warnings, each at its line of the plan; hints wait for the script's own page.

    Read in the plan's order, with the tables that earlier blocks make, and without a target's.
    """
    tables = None
    for block in sorted(plan.sql_blocks, key=lambda block: block.position):
        for found in lint(block.sql, catalog=tables):
            if found.level != "advice" and found.allowed is None and found.rule not in _LATER:
                yield Finding(
                    CODE, _words(block, found.message, found.rewrite), (_line(block, found.line),)
                )
        tables = linted.after_all(tables, [block.sql], {})


def _words(block: SqlBlock, message: str, rewrite: str | None) -> str:
    is_news = rewrite is not None and "\n" not in rewrite and rewrite not in message
    return f"“{block.title}”: {message}" + (f" Write: {rewrite}" if is_news else "")


def _line(block: SqlBlock, line: int) -> int:
    return block.sql_line + line - 1
