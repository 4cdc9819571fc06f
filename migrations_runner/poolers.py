"""Is there a connection pooler between us and the target that takes our session apart?

Behind a pooler in transaction mode (PgBouncer, Supavisor) each transaction may run on another
server session: a session lock locks nothing for us, SET is lost or hits strangers, LISTEN hears
nothing. So we look, before anything else, whether the session that we were given stays ours. In
session mode a pooler does no harm.

Sources: PgBouncer's features page ("SQL feature map for pooling modes"), Supabase's connection page
(port 6543 is Supavisor's transaction mode, 5432 its session mode).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import psycopg

from migrations_runner.ledger import Connection
from releases.refusals import Refused

#: Ports at which poolers listen by habit.
_HABITS = {6543: "Supavisor's port for transaction mode", 6432: "PgBouncer's usual port"}
_ROUNDS = 5


class BehindTransactionPooler(Refused):
    """A pooler hands this target's sessions from client to client: no lock would hold; nothing run.

    Raised before the lock is taken.
    """


def refuse_shared_session(connection: Connection, another: Callable[[], Connection]) -> None:
    """Raises BehindTransactionPooler where the server's session does not stay ours.

    `another()` opens a second session at the same address; it is closed here.
    """
    sign = _forgets(connection)
    if not sign and _may_be_pooled(connection):
        sign = _is_pushed_off(connection, another)
    if sign:
        raise BehindTransactionPooler(f"{sign} {_advice(connection)}")


def _may_be_pooled(connection: Connection) -> bool:
    """A pooler makes up the process id of its greeting; a server tells its own."""
    greeted = connection.info.backend_pid
    return connection.info.port in _HABITS or _pid(connection) != greeted


def _is_pushed_off(connection: Connection, another: Callable[[], Connection]) -> str:
    """Between two transactions of ours a second client gets our session, or we get another one.

    Others use the pooler too, so one look could miss it.
    """
    mine = _pid(connection)
    try:
        with another() as other:
            for _ in range(_ROUNDS):
                with other.transaction():
                    if mine == _pid(other) or mine != _pid(connection):
                        return "Between two transactions another client was given our session."
    except psycopg.Error as refused:
        return f"A transaction was refused: {type(refused).__name__}."
    return ""


def _forgets(connection: Connection) -> str:
    """A setting of ours has to be there in the next transactions."""
    word = secrets.token_hex(8)
    _one(connection, f"SELECT set_config('rc.session', '{word}', false)")
    found = {_one(connection, "SELECT current_setting('rc.session', true)") for _ in range(3)}
    return "" if found == {word} else "A setting was gone in the next transaction."


def _advice(connection: Connection) -> str:
    habit = _HABITS.get(connection.info.port)
    because = f" ({habit})" if habit else ""
    return (
        f"{connection.info.host}:{connection.info.port}{because} answers in transaction mode. Give"
        " the target's variable a URL that leads to the server itself, usually the direct host at"
        " port 5432, or to the pooler's session mode."
    )


def _pid(connection: Connection) -> int:
    return int(str(_one(connection, "SELECT pg_backend_pid()")))


def _one(connection: Connection, question: str) -> object:
    row = connection.execute(question.encode()).fetchone()
    return row[0] if row is not None else None
