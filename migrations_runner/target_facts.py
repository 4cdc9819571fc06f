"""What a session can see of its server, as values for a report. Asks only; changes nothing.

Everything that holds words of other people (queries, application names) is masked here, before
anybody keeps it: secrets, and every constant of a query, which may be somebody's data.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any, Final

import psycopg
from django.db import connection as control

from migrations_runner import ledger
from migrations_runner.ledger import Connection
from releases.redaction import redact, redact_tree

MOST_SESSIONS: Final = 100
_POSTGRES_14: Final = 140000
_LITERAL: Final = re.compile(r"'(?:[^']|'')*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)", re.DOTALL)

_SERVER: Final = """
SELECT current_setting('server_version') AS version,
  current_setting('server_version_num')::int AS version_number,
  current_database() AS database, current_user AS "user",
  pg_database_size(current_database()) AS bytes, pg_is_in_recovery() AS standby,
  current_setting('wal_level') AS wal_level,
  current_setting('max_connections')::int AS max_connections,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
  (SELECT jsonb_object_agg(extname, extversion) FROM pg_extension) AS extensions
"""
_TLS: Final = "SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_PRIVILEGES: Final = """
SELECT r.rolsuper AS superuser, r.rolreplication AS replication, r.rolbypassrls AS bypasses_rls,
  r.rolcreatedb AS creates_databases,
  has_database_privilege(current_database(), 'CREATE') AS creates_schemas,
  pg_has_role('pg_monitor', 'USAGE') AS monitors,
  pg_has_role('pg_read_all_stats', 'USAGE') AS reads_all_stats,
  pg_has_role('pg_signal_backend', 'USAGE') AS ends_sessions,
  (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT pg_has_role(c.relowner, 'USAGE')) AS tables_of_others
FROM pg_roles r WHERE r.rolname = current_user
"""
_SESSIONS: Final = """
SELECT pid, usename::text AS "user", application_name AS application, state,
  extract(epoch FROM clock_timestamp() - xact_start)::float AS transaction_seconds,
  extract(epoch FROM clock_timestamp() - coalesce(state_change, backend_start))::float AS seconds,
  CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END AS blocked_by,
  left(query, 2000) AS query
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
ORDER BY xact_start NULLS LAST, pid LIMIT %s
"""
_WAITING: Final = """
SELECT l.pid, l.mode, coalesce(c.relname::text, l.locktype) AS "on",
  extract(epoch FROM clock_timestamp() - l.waitstart)::float AS seconds,
  pg_blocking_pids(l.pid) AS blocked_by
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
LEFT JOIN pg_class c ON c.oid = l.relation
WHERE NOT l.granted ORDER BY l.waitstart NULLS LAST, l.pid LIMIT %s
"""
_STANDS: Final = (
    "SELECT release, name, variables, sha256, state, run_id, at FROM release_control.ledger"
    " WHERE state <> 'undone' ORDER BY at DESC LIMIT 500"
)


def server(connection: Connection) -> dict[str, Any]:
    """Version, size, TLS and what the role may do."""
    facts = _one(connection, _SERVER)
    facts["tls"] = _one(connection, _TLS)
    facts["privileges"] = _one(connection, _PRIVILEGES)
    facts["watches_the_client"] = _can_watch_the_client(connection)
    return facts


def sessions(connection: Connection) -> list[dict[str, Any]]:
    """Everybody else on the database, longest transaction first; `run` tells sessions of ours."""
    found = [_masked(row) for row in _all(connection, _SESSIONS, [MOST_SESSIONS])]
    return [{**row, "run": _run_of(str(row["application"]))} for row in found]


def waiting(connection: Connection) -> list[dict[str, Any]]:
    """Locks that somebody waits for, and on whom. Before PostgreSQL 14 for how long is unknown."""
    old = connection.info.server_version < _POSTGRES_14
    question = _WAITING.replace("l.waitstart", "NULL::timestamptz") if old else _WAITING
    return _all(connection, question, [MOST_SESSIONS])


def standing(connection: Connection) -> list[dict[str, Any]] | None:
    """What the target's ledger says stands there; None where there is no ledger yet."""
    if not ledger.exists(connection):
        return None
    rows = _all(connection, _STANDS, [])
    return [{**row, "at": row["at"].isoformat()} for row in rows]


def skew_seconds(connection: Connection) -> float:
    """How far the target's clock is ahead of ours: the control database's, at the same moment."""
    ours, at_ours = _clock(control)
    theirs, at_theirs = _clock(connection)
    return (theirs - ours).total_seconds() - (at_theirs - at_ours)


def masked_query(text: str) -> str:
    """A query without its constants and secrets, on one line.

    >>> masked_query("UPDATE t SET a = 'Ana''s'   WHERE b = 5")
    "UPDATE t SET a = '…' WHERE b = 5"
    """
    return redact(" ".join(_LITERAL.sub("'…'", text).split()))[:500]


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "query": masked_query(str(row["query"] or "")),
        "application": redact(str(row["application"] or "")),
    }


def _run_of(application: str) -> int | None:
    found = re.fullmatch(r"rc-run-(\d+)", application)
    return int(found[1]) if found else None


def _clock(asked: Any) -> tuple[datetime, float]:
    """A clock's time, and the moment of ours in the middle of asking for it."""
    before = time.monotonic()
    with asked.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told = cursor.fetchone()[0]
    return told, (before + time.monotonic()) / 2


def _can_watch_the_client(connection: Connection) -> bool:
    """Does the server end a session of ours soon after our process died?"""
    if connection.info.server_version < _POSTGRES_14:
        return False
    try:
        connection.execute("SET client_connection_check_interval = '500ms'")
    except psycopg.Error:
        return False
    return True


def _one(connection: Connection, question: str) -> dict[str, Any]:
    rows = _all(connection, question, [])
    return rows[0] if rows else {}


def _all(connection: Connection, question: str, values: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute(question.encode(), values or None)
        rows: list[dict[str, Any]] = redact_tree(cursor.fetchall())
        return rows
