"""What a preview wants to know of SQL written in a plan. Pure.

This is a glance, not a parse: the runner has the true parser and decides what may run.
"""

from __future__ import annotations

import re

from releasecontrol.plan.facts import ScriptRole

LANGUAGES = frozenset({"sql", "psql", "postgresql", "postgres", "pgsql", "plpgsql"})

_VARIABLE = re.compile(r":(?:'([A-Za-z_]\w{0,62})'|\"([A-Za-z_]\w{0,62})\"|([A-Za-z_]\w{0,62}))")
_SIGN = re.compile(r"[-/'\"$:]")
_DOLLAR_QUOTE = re.compile(r"\$(?:[A-Za-z_]\w{0,62})?\$")
_SCHEMA = re.compile(
    r"^[ \t]*(?:CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE)\b", re.IGNORECASE | re.MULTILINE
)
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|DO|CALL)\b", re.IGNORECASE)


def psql_variables(sql: str) -> tuple[str, ...]:
    """The psql variables a text needs, each once; not inside strings, comments or casts.

    >>> psql_variables("SELECT :'name', :id::int, ':no', a[1:2] -- :comment")
    ('name', 'id')
    """
    found: list[str] = []
    position = 0
    while sign := _SIGN.search(sql, position):
        position = _step(sql, sign.start(), found)
    return tuple(dict.fromkeys(found))


def sql_role(sql: str, *, in_rollback: bool) -> ScriptRole:
    """What a block does, by its words.

    >>> [sql_role(q, in_rollback=False) for q in ("SELECT 1", "ALTER TABLE a", "UPDATE a SET b=1")]
    ['check', 'schema', 'data']
    """
    if in_rollback:
        return "rollback"
    if _SCHEMA.search(sql):
        return "schema"
    return "data" if _CHANGES.search(sql) else "check"


def _step(sql: str, position: int, found: list[str]) -> int:
    """Take in what begins at the position; the next position. What never closes ends the text."""
    for opening, closing in (("--", "\n"), ("/*", "*/"), ("'", "'"), ('"', '"')):
        if sql.startswith(opening, position):
            return _after(sql, closing, position + len(opening))
    if dollar := _DOLLAR_QUOTE.match(sql, position):
        return _after(sql, dollar[0], dollar.end())
    if sql.startswith(("::", ":="), position):
        return position + 2
    if variable := _VARIABLE.match(sql, position):
        found.append(next(filter(None, variable.groups())))
        return variable.end()
    return position + 1


def _after(sql: str, closing: str, position: int) -> int:
    end = sql.find(closing, position)
    return len(sql) if end < 0 else end + len(closing)
