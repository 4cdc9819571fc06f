"""Throwing away databases of ours: clones of rehearsals, restores on trial."""

from __future__ import annotations

import psycopg
from psycopg import sql

from migrations_runner.ledger import Connection

_TRIES = 3
"""The server itself waits five seconds for those it sends away; a busy machine may need longer."""


def drop_database(connection: Connection, name: str) -> None:
    """Throw a database of ours away, with whoever is connected to it; fine if it is gone already.

    `connection` is in autocommit mode, on another database. An autovacuum worker belongs to the
    superuser, whom an ordinary role may not end; without FORCE the server itself sends it away.
    Raises psycopg.errors.ObjectInUse where somebody does not go.
    """
    for left in reversed(range(_TRIES)):
        try:
            _drop(connection, name)
        except psycopg.errors.ObjectInUse:
            if not left:
                raise
        else:
            return


def _drop(connection: Connection, name: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    try:
        connection.execute(drop + sql.SQL(" WITH (FORCE)"))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()",
            [name],
        )
        connection.execute(drop)
