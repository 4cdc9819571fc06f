"""Putting rows back: one transaction on the target, with the ledger's word in it.

The rows of a capture go back in one statement, so that foreign keys are looked at when all is in
place. The tables' own triggers rest meanwhile: what they did then was kept as rows of its own, and
what they would do now would keep a row from being what it was. At the end each row that went back
is compared with the text that was kept; one that differs undoes the undo.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import psycopg
from django.db import transaction
from psycopg import sql

from migrations_runner import ledger, session
from migrations_runner.endings import Outcome
from migrations_runner.failures import StatementFailed, Stopped, TargetGone, is_gone, told
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState, StepState
from migrations_runner.undo import store, todo
from migrations_runner.undo.refusals import (
    HeldByOthers,
    NothingToUndo,
    NotUndone,
    UndoLostTrack,
)
from migrations_runner.undo.todo import Count, Table
from migrations_runner.work import RunAtWork
from releases import evidence
from releases.models import Verdict

#: Pauses, in seconds, before it is tried again when somebody holds a row.
_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0, 4.0)

_TRIGGERS = """
SELECT tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = %s::oid AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname
"""
_ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@dataclass(frozen=True, slots=True)
class Capture:
    """One kept transaction of one script."""

    id: int
    release: str
    name: str
    variables: str


def carry_out(at_work: RunAtWork) -> str:
    """Undo what `run.undoes` changed; answers in words what went back and what was left.

    Raises NothingToUndo, UndoLostTrack, NotUndone, Stopped: then nothing was changed on the
    target. psycopg.Error with a dead connection: nobody knows yet; `resolved` can tell.
    """
    connection = at_work.connection
    session.refresh(connection, at_work.target)
    before = finished(connection, at_work.run.pk)
    return _recorded(at_work.run, before if before is not None else _in_one_transaction(at_work))


def resolved(connection: Connection, run: MigrationRun) -> Outcome:
    """What became of an undo whose worker is gone: done whole and now recorded, or not at all."""
    done = finished(connection, run.pk)
    if done is None:
        return Outcome(RunState.QUEUED)
    return Outcome(RunState.SUCCEEDED, next_step=_recorded(run, done))


@transaction.atomic
def _recorded(run: MigrationRun, found: list[Count]) -> str:
    """Write what the target says to our own rows, once, whoever comes first; the answer in words.

    The worker may be gone between its COMMIT and this, and at any line of it.
    """
    said = words(found)
    if run.scripts.exclude(state=StepState.UNDONE).update(state=StepState.UNDONE):
        evidence.record(
            subject=run,
            release=run.release,
            verdict=Verdict.INCONCLUSIVE if any(each.left for each in found) else Verdict.PASS,
            summary=f"{run}: {said}",
            numbers={"tables": [asdict(each) for each in found]},
        )
    return said


def finished(connection: Connection, run_id: int) -> list[Count] | None:
    """What an undo run has done, as the target says; None where it has not been done."""
    if not store.exists(connection):
        return None
    rows = connection.execute(
        "SELECT outcome FROM release_control.undo_captures WHERE undone_by = %s ORDER BY id DESC",
        [run_id],
    ).fetchall()
    return together([Count(**each) for row in rows for each in json.loads(str(row[0]))]) or (
        [] if rows else None
    )


def words(found: list[Count]) -> str:
    """One paragraph for people.

    >>> words([Count("books", restored=2, left=1, sample=["7"])])
    'books: 2 changed rows got their old values back. 1 row was changed since and was left: 7.'
    """
    if not found:
        return "The run had changed no row."
    return " ".join(_words_of(each) for each in found)


def captures_of(connection: Connection, run_id: int) -> list[Capture]:
    """What is kept of a run, the last transaction first."""
    if not store.exists(connection):
        return []
    rows = connection.execute(
        "SELECT id, release, name, variables FROM release_control.undo_captures"
        " WHERE run_id = %s AND undone_by IS NULL ORDER BY id DESC",
        [run_id],
    ).fetchall()
    return [Capture(int(str(row[0])), str(row[1]), str(row[2]), str(row[3])) for row in rows]


def _in_one_transaction(at_work: RunAtWork) -> list[Count]:
    """All of it, tried again a few times while somebody holds a row."""
    for pause in _AGAIN_AFTER:
        try:
            return _answered(at_work)
        except HeldByOthers:
            if at_work.keeper.wait(pause):
                raise Stopped("Nothing was put back.") from None
    return _answered(at_work)


def _answered(at_work: RunAtWork) -> list[Count]:
    """Tell a server that said no from one that is gone."""
    try:
        return _try(at_work)
    except psycopg.errors.LockNotAvailable as error:
        raise HeldByOthers(told(error)) from None
    except psycopg.Error as error:
        if is_gone(at_work.connection):
            raise TargetGone(told(error)) from None
        if at_work.keeper.stop.is_set():
            raise Stopped("Nothing was put back.") from None
        raise StatementFailed(f"The undo: {told(error)}") from None


def _try(at_work: RunAtWork) -> list[Count]:
    connection = at_work.connection
    assert at_work.run.undoes_id is not None  # noqa: S101  (the verb set it)
    with store.as_always(connection):
        captures = captures_of(connection, at_work.run.undoes_id)
        if not captures:
            raise NothingToUndo(
                "Nothing is kept for it on the target: its scripts did not ask for it, or its time"
                " (UNDO_KEEP_DAYS) is over."
            )
        found = [each for capture in captures for each in _put_back(at_work, capture)]
        for capture in captures:
            flip(connection, capture, at_work.run.undoes_id)
        if at_work.keeper.stop.is_set():
            raise Stopped("Nothing was put back.")
    return together(found)


def _put_back(at_work: RunAtWork, capture: Capture) -> list[Count]:
    connection = at_work.connection
    tables = todo.find(connection, capture.id)
    with _triggers_resting(connection, tables):
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        todo.prepare(connection, capture.id, tables, lock=True, run_id=0)
        found = [todo.counts(connection, table) for table in tables]
        _refuse_dependents(connection, tables)
        _write(connection, tables)
        _verify(connection, tables, found)
    todo.drop(connection, tables)
    connection.execute(
        "UPDATE release_control.undo_captures SET undone_by = %s, undone_at = clock_timestamp(),"
        " outcome = %s WHERE id = %s",
        [at_work.run.pk, json.dumps([asdict(each) for each in found]), capture.id],
    )
    return found


def flip(connection: Connection, capture: Capture, run_id: int) -> None:
    """In the same transaction: the script no longer stands here. Raises UndoLostTrack."""
    turned = connection.execute(
        "UPDATE release_control.ledger SET state = %s, at = clock_timestamp()"
        " WHERE (release, name, variables) = (%s, %s, %s) AND state = %s AND run_id = %s",
        [ledger.UNDONE, capture.release, capture.name, capture.variables, ledger.APPLIED, run_id],
    )
    if turned.rowcount != 1:
        raise UndoLostTrack(f"{capture.name} no longer stands there as run {run_id} applied it.")


@contextmanager
def _triggers_resting(connection: Connection, tables: list[Table]) -> Iterator[None]:
    resting = [
        (table, str(name), _ENABLE[str(state)])
        for table in tables
        for name, state in connection.execute(_TRIGGERS, [table.oid]).fetchall()
    ]
    for table, name, _ in resting:
        _switch(connection, table, name, "DISABLE")
    yield
    with _in_words("A constraint would not hold"):
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, name, enable in resting:
        _switch(connection, table, name, enable)


def _switch(connection: Connection, table: Table, name: str, how: str) -> None:
    with _in_words(f"The trigger {name} of {table.shape.words} can't rest"):
        connection.execute(
            sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(
                table.shape.name, sql.SQL(how), sql.Identifier(name)
            )
        )


def _refuse_dependents(connection: Connection, tables: list[Table]) -> None:
    found = todo.dependents(connection, tables)
    if found:
        raise NotUndone(
            f"Rows that the run made are in use by now: {', '.join(found)} refer to them."
            " Take those away first, or write a script."
        )


def _write(connection: Connection, tables: list[Table]) -> None:
    """Delete, update, insert in one statement: its constraints are checked at its end."""
    parts = [
        (f"{act}{table.number}", part)
        for act, make in (("d", _deletion), ("u", _update), ("i", _insertion))
        for table in tables
        if (part := make(table)) is not None
    ]
    if not parts:
        return
    named = [
        sql.SQL("{} AS ({} RETURNING 1)").format(sql.Identifier(name), part) for name, part in parts
    ]
    # A part runs when it is asked for, and they are asked in this order.
    asked = [sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(name)) for name, _ in parts]
    with _in_words("A constraint would not hold"):
        connection.execute(
            sql.SQL("WITH {} SELECT {}").format(
                sql.SQL(", ").join(named), sql.SQL(" + ").join(asked)
            )
        )


def _deletion(table: Table) -> sql.Composed:
    return sql.SQL(
        "DELETE FROM ONLY {} t USING pg_temp.rc_undo_held h"
        " WHERE h.number = {} AND h.act = 'delete' AND t.ctid = h.at_row"
    ).format(table.shape.name, sql.Literal(table.number))


def _update(table: Table) -> sql.Composed | None:
    settable = [
        column.name
        for column in table.shape.columns
        if not column.generated and not column.identity_always
    ]
    if not settable:
        return None
    sets = [
        sql.SQL("{} = (d.was).{}").format(sql.Identifier(name), sql.Identifier(name))
        for name in settable
    ]
    return sql.SQL(
        "UPDATE ONLY {} t SET {} FROM pg_temp.rc_undo_held h JOIN {} d ON d.key = h.key"
        " WHERE h.number = {} AND h.act = 'update' AND t.ctid = h.at_row"
    ).format(table.shape.name, sql.SQL(", ").join(sets), table.todo, sql.Literal(table.number))


def _insertion(table: Table) -> sql.Composed:
    names = [column.name for column in table.shape.columns if not column.generated]
    return sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {}"
        " FROM pg_temp.rc_undo_held h JOIN {} d ON d.key = h.key"
        " WHERE h.number = {} AND h.act = 'insert'"
    ).format(
        table.shape.name,
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.SQL("(d.was).{}").format(sql.Identifier(name)) for name in names),
        table.todo,
        sql.Literal(table.number),
    )


def _verify(connection: Connection, tables: list[Table], found: list[Count]) -> None:
    for table, count in zip(tables, found, strict=True):
        row = connection.execute(
            sql.SQL(
                "SELECT count(*) FILTER (WHERE d.old IS NOT NULL AND {now} = d.old)"
                " + count(*) FILTER (WHERE d.old IS NULL AND t.tableoid IS NULL)"
                " FROM pg_temp.rc_undo_held h JOIN {todo} d ON d.key = h.key"
                " LEFT JOIN ONLY {table} t ON {same} WHERE h.number = {number}"
            ).format(
                now=table.shape.row_text("t"),
                todo=table.todo,
                table=table.shape.name,
                same=table.shape.same_key("t", row="coalesce(d.was, d.became)"),
                number=sql.Literal(table.number),
            )
        ).fetchone()
        exact = int(str(row[0])) if row else 0
        if exact != count.ours:
            raise NotUndone(
                f"{count.ours - exact} rows of {count.table} would not be what they were: a rule"
                " or a default on the table changes them."
            )


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """A server that says no becomes NotUndone; who waits for a lock is tried again."""
    try:
        yield
    except psycopg.errors.LockNotAvailable:
        raise
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57")):
            raise
        raise NotUndone(f"{what}: {told(error)}") from None


def together(found: list[Count]) -> list[Count]:
    """Several transactions may have written to one table."""
    sums: dict[str, Count] = {}
    for each in found:
        so_far = sums.get(each.table, Count(each.table))
        sums[each.table] = replace(
            so_far,
            restored=so_far.restored + each.restored,
            deleted=so_far.deleted + each.deleted,
            inserted=so_far.inserted + each.inserted,
            left=so_far.left + each.left,
            sample=[*so_far.sample, *each.sample][: todo.SAMPLE],
        )
    return list(sums.values())


def _words_of(count: Count) -> str:
    parts = [
        (count.restored, "changed", "got {} old values back", ("its", "their")),
        (count.deleted, "added", "{} deleted again", ("was", "were")),
        (count.inserted, "deleted", "{} put back", ("was", "were")),
    ]
    said = [
        f"{number} {kind} {'row' if number == 1 else 'rows'} "
        + what.format(forms[0] if number == 1 else forms[1])
        for number, kind, what, forms in parts
        if number
    ]
    text = f"{count.table}: {', '.join(said) or 'nothing to put back'}."
    if count.left:
        one = count.left == 1
        text += (
            f" {count.left} {'row was' if one else 'rows were'} changed since and"
            f" {'was' if one else 'were'} left: {', '.join(count.sample)}"
            f"{', …' if count.left > len(count.sample) else ''}."
        )
    return text
