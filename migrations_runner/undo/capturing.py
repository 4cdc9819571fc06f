"""The guard that keeps what a script changed, in the script's own transaction.

Nothing is installed on the tables and nobody is kept from them: `touched` tells what is ours.
So triggers, cascades and functions are covered, whatever they did.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from migrations_runner import touched
from migrations_runner.ledger import Connection
from migrations_runner.touched import Era
from migrations_runner.undo import store
from migrations_runner.undo.refusals import CannotBeUndone
from migrations_runner.undo.store import Shape
from migrations_runner.work import Work

_EXCLUSIVE = """
SELECT DISTINCT relation::bigint FROM pg_locks
WHERE locktype = 'relation' AND pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

# What this transaction made or changed in the catalog, and that others will see.
_SCHEMA_CHANGES = """
WITH lasting AS (
    SELECT c.oid, c.xmin AS made, format('%I.%I', n.nspname, c.relname) AS called
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND n.nspname <> 'release_control' AND n.nspname !~ '^pg_toast'
)
SELECT called FROM lasting WHERE {ours_made}
UNION SELECT called FROM lasting JOIN pg_attribute a ON a.attrelid = lasting.oid
    WHERE {ours_a}
UNION SELECT called FROM lasting JOIN pg_constraint k ON k.conrelid = lasting.oid
    WHERE {ours_k}
UNION SELECT called FROM lasting JOIN pg_trigger g ON g.tgrelid = lasting.oid
    WHERE {ours_g}
UNION SELECT 'function ' || proname FROM pg_proc
    WHERE {ours} AND pronamespace <> pg_my_temp_schema()
UNION SELECT 'enum ' || enumtypid::regtype::text FROM pg_enum WHERE {ours}
ORDER BY 1
"""


@contextmanager
def capturing(work: Work) -> Iterator[None]:
    """A guard: keeps every row that the script changes, if it asked for that.

    Raises CannotBeUndone just before COMMIT, which rolls the script back.
    """
    if not work.script.undo:
        yield
        return
    store.prepare(work.connection)
    since = touched.next_multixact(work.connection)
    yield
    _keep(work, since)


def _keep(work: Work, since: int) -> None:
    connection, observer = work.connection, work.run.observer()
    # What is deferred to the COMMIT would come behind our back; a role of the script ends here.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE; RESET ROLE; RESET SESSION AUTHORIZATION")
    store.pin(connection)
    with store.as_always(observer):
        # It would wait for us, and we for it, if we held a table for ourselves alone.
        observer.execute("SELECT set_config('lock_timeout', '5s', true)")
        era = touched.era(connection, observer, since)
        _refuse_schema_changes(connection, observer, era)
        shapes = [_shape(connection, *row) for row in touched.written(connection)]
        capture = store.begin_capture(connection, work.key, work.run.run.pk)
        for number, shape in enumerate(shapes):
            store.add_table(connection, capture, number, shape)
            _copy_old(connection, observer, _old(number), shape, era)
            _note_rows(connection, capture, number, shape, era)
            if _is_anything_gone(connection, capture, number):
                again = sql.Identifier(f"release control again {number}")
                _copy_old(connection, observer, again, shape, era)
                _forget_what_others_deleted(connection, capture, number, shape, again)
    connection.execute(
        "DELETE FROM release_control.undo_tables t WHERE capture = %s AND NOT EXISTS ("
        "SELECT FROM release_control.undo_rows r"
        " WHERE (r.capture, r.number) = (t.capture, t.number))",
        [capture],
    )


def _refuse_schema_changes(connection: Connection, observer: Connection, era: Era) -> None:
    locked = [row[0] for row in connection.execute(_EXCLUSIVE).fetchall()]
    gone = observer.execute(
        "SELECT oid::bigint, format('%%I.%%I', relnamespace::regnamespace, relname) FROM pg_class"
        " WHERE oid = ANY (%s::bigint[]::oid[]) AND relpersistence <> 't'",
        [locked],
    ).fetchall()
    here = connection.execute(
        "SELECT oid::bigint FROM pg_class WHERE oid = ANY (%s::bigint[]::oid[])", [locked]
    ).fetchall()
    dropped = {str(called) for oid, called in gone if (oid,) not in here}
    ours = {f"ours_{alias}": era.ours(f"{alias}.xmin") for alias in "akg"}
    changed = connection.execute(
        sql.SQL(_SCHEMA_CHANGES).format(ours=era.ours("xmin"), ours_made=era.ours("made"), **ours)
    ).fetchall()
    names = sorted({str(row[0]) for row in changed} | dropped)
    if names:
        raise CannotBeUndone(
            f"It makes, changes or empties as a whole: {', '.join(names[:5])}. Rows can be kept,"
            " structure can't: put that into a script of its own."
        )


def _shape(connection: Connection, oid: object, kind: object, called: object) -> Shape:
    if kind == "f":
        raise CannotBeUndone(f"It writes to {called}, which is a table of another server.")
    shape = store.shape_of(connection, oid)
    if not shape.key:
        raise CannotBeUndone(
            f"It writes to {called}, which has no primary key to know its rows by."
        )
    return shape


def _copy_old(
    connection: Connection, observer: Connection, into: sql.Identifier, shape: Shape, era: Era
) -> None:
    """Bring the versions that we may have replaced from the observer into our transaction."""
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}, NULL::text AS {} FROM ONLY {}"
            " WITH NO DATA"
        ).format(into, _keys(shape), _ROW_TEXT, shape.name)
    )
    out = sql.SQL("COPY (SELECT {}, {} FROM ONLY {} t WHERE {}) TO STDOUT").format(
        _keys(shape), shape.row_text("t"), shape.name, era.maybe_replaced("t.xmax")
    )
    with (
        observer.cursor() as theirs,
        connection.cursor() as ours,
        theirs.copy(out) as source,
        ours.copy(sql.SQL("COPY pg_temp.{} FROM STDIN").format(into)) as sink,
    ):
        for data in source:
            sink.write(data)
    connection.execute(sql.SQL("ANALYZE pg_temp.{}").format(into))


def _note_rows(connection: Connection, capture: int, number: int, shape: Shape, era: Era) -> None:
    """Pair old and new by key. A row that is still there as it was, was only locked."""
    connection.execute(
        sql.SQL(
            "INSERT INTO release_control.undo_rows (capture, number, key, old, new)"
            " SELECT {capture}, {number}, CASE WHEN n.{row} IS NULL THEN {old_key} ELSE {new_key}"
            " END, o.{row}, n.{row}"
            " FROM (SELECT {keys}, {row_text} AS {row} FROM ONLY {table} t WHERE {ours}) n"
            " FULL JOIN pg_temp.{old} o ON {same}"
            " WHERE o.{row} IS DISTINCT FROM n.{row} AND NOT (n.{row} IS NULL"
            "   AND EXISTS (SELECT FROM ONLY {table} s WHERE {still}))"
        ).format(
            capture=sql.Literal(capture),
            number=sql.Literal(number),
            row=_ROW_TEXT,
            old_key=shape.key_text("o"),
            new_key=shape.key_text("n"),
            keys=_keys(shape),
            row_text=shape.row_text("t"),
            table=shape.name,
            ours=era.ours("t.xmin"),
            old=_old(number),
            same=shape.same_key("n", row="o"),
            still=shape.same_key("s", row="o"),
        )
    )


def _is_anything_gone(connection: Connection, capture: int, number: int) -> bool:
    found = connection.execute(
        "SELECT FROM release_control.undo_rows"
        " WHERE capture = %s AND number = %s AND new IS NULL LIMIT 1",
        [capture, number],
    ).fetchone()
    return found is not None


def _forget_what_others_deleted(
    connection: Connection, capture: int, number: int, shape: Shape, again: sql.Identifier
) -> None:
    """A row that is gone may have been deleted by others, between our two looks.

    Then the observer, asked again, does not see it any more; what we deleted, it does.
    """
    connection.execute(
        sql.SQL(
            "DELETE FROM release_control.undo_rows WHERE capture = %s AND number = %s"
            " AND new IS NULL AND key NOT IN (SELECT {} FROM pg_temp.{} a)"
        ).format(shape.key_text("a"), again),
        [capture, number],
    )


_ROW_TEXT = sql.Identifier("release control row")


def _keys(shape: Shape) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in shape.key)


def _old(number: int) -> sql.Identifier:
    return sql.Identifier(f"release control old {number}")
