"""How the target is while a backfill works on it: who waits for us, how far replicas are behind."""

from __future__ import annotations

from typing import Any

import psycopg

from migrations_runner.ledger import Connection
from releases.redaction import redact

LAG_SECONDS = 10.0

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND pid <> ALL (%(ours)s::int[])
    AND pg_blocking_pids(pid) && %(ours)s::int[]
"""

_LAG = """
SELECT coalesce(nullif(application_name, ''), 'a replica'), extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication WHERE replay_lag IS NOT NULL ORDER BY replay_lag DESC LIMIT 1
"""


def others_wait(connection: Connection, ours: list[int]) -> bool:
    """Does any session wait for a lock that one of these holds?"""
    row: Any = connection.execute(_WAITING.encode(), {"ours": ours}).fetchone()
    return bool(row[0])


def lag(connection: Connection) -> str:
    """Why replicas ask for a rest, in words; empty where they keep up, or may not be asked."""
    try:
        row: Any = connection.execute(_LAG).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    if row is None or row[1] < LAG_SECONDS:
        return ""
    return redact(f"{row[0]}, a replica that is {row[1]:.0f} seconds behind")
