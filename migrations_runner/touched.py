"""Which rows the open transaction of a script wrote, told without anything installed on the tables.

Which tables a transaction wrote to is told by its locks. A row version is new, and ours, when we
see it although the transaction of its `xmin` is still in progress (a part of ours that was kept has
an id of its own, so comparing with our id is not enough). The versions that we replaced or deleted
carry in `xmax` an id, or a multixact, that was made since we began; a second session, which sees
only what is committed, still reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from migrations_runner.ledger import Connection

_WRITTEN = """
SELECT DISTINCT c.oid::bigint, c.relkind::text, format('%I.%I', n.nspname, c.relname)
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                   'AccessExclusiveLock')
    AND c.relkind IN ('r', 'f') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('release_control', 'pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_toast'
ORDER BY 3
"""


@dataclass(frozen=True, slots=True)
class Era:
    """From when our transaction began until now, in transaction ids and in multixacts.

    `first` is our own id with its epoch; the ids of our parts are later ones.
    """

    first: int
    ids: int
    first_multi: int
    multis: int

    def ours(self, xmin: str) -> sql.Composed:
        """This version, which we see, was written by us. `xmin` is a column, such as ``t.xmin``."""
        return sql.SQL(
            "CASE WHEN {passed} < {ids} THEN"
            " pg_xact_status(({first} + {passed})::text::xid8) = 'in progress' ELSE false END"
        ).format(
            passed=_passed(xmin, self.first),
            ids=sql.Literal(self.ids),
            first=_literal(self.first),
        )

    def maybe_replaced(self, xmax: str) -> sql.Composed:
        """This version may have been replaced, deleted or locked by us."""
        return sql.SQL("({} < {} OR {} < {})").format(
            _passed(xmax, self.first),
            sql.Literal(self.ids),
            _passed(xmax, self.first_multi),
            sql.Literal(self.multis),
        )


def _literal(number: int) -> sql.Composed:
    return sql.SQL("{}::bigint").format(sql.Literal(number))


def _passed(xid: str, since: int) -> sql.Composed:
    """How many ids after `since` this one is; they are 32 bits wide and wrap around."""
    return sql.SQL("(({}::text::bigint - {} + 4294967296) % 4294967296)").format(
        sql.SQL(xid), sql.Literal(since % 2**32)
    )


@dataclass(frozen=True, slots=True)
class Start:
    """What was committed when the transaction began, as PostgreSQL's text of a snapshot."""

    snapshot: str

    def committed_since(self, xmin: str) -> sql.Composed:
        """This version, which we see, was committed by others since then."""
        oldest = int(self.snapshot.partition(":")[0])
        full = sql.SQL("({} + {})::text::xid8").format(_literal(oldest), _passed(xmin, oldest))
        # Older ids lie almost a whole round ahead, where nobody has been yet.
        return sql.SQL(
            "CASE WHEN {full} < pg_snapshot_xmax(pg_current_snapshot()) THEN"
            " NOT pg_visible_in_snapshot({full}, {snapshot}::pg_snapshot)"
            " AND pg_xact_status({full}) = 'committed' ELSE false END"
        ).format(full=full, snapshot=sql.Literal(self.snapshot))


#: Older than everything: whatever is committed may have been committed since.
NO_START = Start("1:1:")


def start(connection: Connection) -> Start:
    """Ask this when the transaction begins."""
    row = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    return Start(str(row[0])) if row else NO_START


def next_multixact(connection: Connection) -> int:
    """Ask this when the transaction begins: the multixacts from here on may hold ids of ours."""
    row = connection.execute("SELECT mxid_age('1'::xid)::bigint").fetchone()
    return (1 + (int(str(row[0])) if row else 0)) % 2**32


def era(connection: Connection, observer: Connection, since: int) -> Era:
    """Every id that we have was given before the one that the observer gets now."""
    question = "SELECT pg_current_xact_id()::text"
    ours, next_one = (
        int(str(row[0])) if row else 0
        for row in (session.execute(question).fetchone() for session in (connection, observer))
    )
    return Era(ours, next_one - ours, since, (next_multixact(connection) - since) % 2**32)


def written(connection: Connection) -> list[tuple[object, ...]]:
    """The tables that this transaction may have written to: (oid, relkind, name in SQL)."""
    return connection.execute(_WRITTEN).fetchall()
