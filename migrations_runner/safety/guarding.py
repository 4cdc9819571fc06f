"""The guard that looks at what a script did, in its own transaction, right before its COMMIT.

What would be a new contradiction in rows that the script touched rolls it back. Everything else is
told: rows that a cascade or a trigger added or removed without being named (the schema's author
wanted that, so it is no reason to stop), columns changed behind the statements' back, and checks
that had no answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from django.conf import settings

from migrations_runner import touched
from migrations_runner.linting.suppressions import allowed
from migrations_runner.models import LintSuppression
from migrations_runner.naming import Named, keeps_to_itself, named, switches_off
from migrations_runner.progress import briefly
from migrations_runner.safety import changes, columns, facts, results
from migrations_runner.safety.budget import Budget, CannotTell, aside, ask
from migrations_runner.safety.changes import Counts
from migrations_runner.safety.checking import Answer, Sessions, check
from migrations_runner.safety.graph import ForeignKey, pairs
from migrations_runner.safety.rules import (
    MOST_KEYS,
    Orphans,
    Rule,
    TwoPaths,
    broken_keys,
    totals,
)
from migrations_runner.touched import Start
from migrations_runner.work import Work
from releases.models import Verdict
from releases.refusals import Refused

#: Where a comment allows this, with a reason, what is found is told but does not stop a script.
RULE = "data-safety"
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "SELECT", "CALL"})


Earlier = dict[str, frozenset[str]]


class DataUnsafe(Refused):
    """The script would leave rows that contradict each other, so all of it was rolled back."""


@contextmanager
def guard(work: Work) -> Iterator[None]:
    """Stand around a script's statements. Raises DataUnsafe just before COMMIT."""
    before, start = changes.look(work.connection)
    earlier = _earlier(work)
    yield
    made = changes.since(before, changes.count(work.connection))
    if made == {}:
        return
    # What is deferred to the COMMIT would come behind our back.
    work.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    began = time.perf_counter()
    try:
        budget = Budget(settings.SAFETY_BUDGET_MS - work.run.safety_ms)
        _look(work, made, budget, earlier, start)
    finally:
        work.run.safety_ms += (time.perf_counter() - began) * 1000


def _look(work: Work, made: Counts | None, budget: Budget, earlier: Earlier, start: Start) -> None:
    connection, observer = work.connection, work.run.observer()
    with aside(connection), aside(observer):
        written = [int(str(row[0])) for row in touched.written(connection)]
        if made is not None:
            written = [oid for oid in written if oid in made]
        if not written:
            return
        era = touched.era(connection, observer, touched.next_multixact(connection))
        since = start.committed_since
        sessions = Sessions(work.run, connection, observer, budget, era.ours, earlier, since)
        rules = rules_of(work, facts.whole_tables(connection, written), facts.read(connection))
        answers = [check(sessions, rule) for rule in rules]
        _say(work, answers, _asides(work, sessions, made))


def _earlier(work: Work) -> Earlier:
    """What is wrong before a script that keeps a table to itself: later nobody else can look."""
    tables = keeps_to_itself(statement.node for statement, _ in work.steps)
    writes = any(statement.kind in _WRITES for statement, _ in work.steps)
    found: Earlier = {}
    if not tables or not writes:
        return found
    budget = Budget(settings.SAFETY_BUDGET_MS - work.run.safety_ms)
    began = time.perf_counter()
    with aside(work.connection):
        for pair in pairs(facts.read(work.connection)):
            names = {hop.child.name for hop in (*pair.one, *pair.other)}
            if names & tables:
                found |= _already(work, budget, TwoPaths(pair))
    work.run.safety_ms += (time.perf_counter() - began) * 1000
    return found


def _already(work: Work, budget: Budget, rule: Rule) -> Earlier:
    """Nothing where it can't be told, or where most rows differ and it is no rule."""
    try:
        broken, rows = ask(work.connection, budget, totals(rule), run=work.run)[0]
        if 2 * int(str(broken)) > int(str(rows)) or int(str(broken)) >= MOST_KEYS:
            return {}
        keys = ask(work.connection, budget, broken_keys(rule), run=work.run)
    except CannotTell:
        return {}
    return {rule.key: frozenset(str(row[0]) for row in keys)}


def rules_of(work: Work, written: frozenset[int], keys: Sequence[ForeignKey]) -> list[Rule]:
    """What has to hold of the tables that were written to."""
    off = switches_off(statement.sql for statement, _ in work.steps)
    paths: list[Rule] = [TwoPaths(pair) for pair in pairs(keys) if pair.tables & written]
    loose = [Orphans(key) for key in keys if off or not key.held]
    return paths + [rule for rule in loose if rule.tables & written]


def _say(work: Work, answers: list[Answer], told: list[str]) -> None:
    """Write down what was found. Raises DataUnsafe."""
    run, name = work.run.run, work.script.name
    wrong = [answer for answer in answers if answer.keys]
    if wrong and not is_allowed(work):
        briefly(partial(results.record_stop, work.script, wrong))
        raise DataUnsafe(sentence(wrong))
    for answer in answers:
        if answer.unsure or answer.keys:
            words = f"Allowed: {answer.words}" if answer.keys else answer.words
            _note(work, answer.rule.key, words, answer)
    for words in told:
        _note(work, words, words)
    good = [answer for answer in answers if not answer.unsure and not answer.keys]
    if good:
        took = sum(answer.milliseconds for answer in good)
        words = f"{len(good)} rules from the foreign keys hold in the rows that it touched."
        briefly(
            partial(
                results.note,
                run,
                f"{name}: data safety",
                Verdict.PASS,
                words,
                rows=0,
                milliseconds=took,
            )
        )


def _note(work: Work, about: str, words: str, answer: Answer | None = None) -> None:
    briefly(
        partial(
            results.note,
            work.run.run,
            f"{work.script.name}: {about}",
            Verdict.INCONCLUSIVE,
            words,
            rows=len(answer.keys) if answer and answer.keys else None,
            milliseconds=answer.milliseconds if answer else 0.0,
        )
    )


def sentence(wrong: list[Answer]) -> str:
    """What is wrong, for people, with masked keys."""
    listed = []
    for answer in wrong:
        rows = results.samples(answer.rule.child.key, answer.keys)
        listed.append(f"{answer.words} Such as {'; '.join(rows)}." if rows else answer.words)
    return (
        f"{' '.join(listed)} If that is meant so, write into the script: -- rc: allow {RULE}: why"
    )


def is_allowed(work: Work) -> bool:
    """By a comment in the text, which is approved with it, or by somebody for this script."""
    if any(each.rule == RULE and each.reason for each in allowed(work.script.text, ())):
        return True
    of_script = LintSuppression.objects.filter(script=work.script.script_id, rule=RULE)
    return bool(briefly(of_script.exists))


def _asides(work: Work, sessions: Sessions, made: Counts | None) -> list[str]:
    """What is worth telling and stops nothing."""
    if made is None:
        return ["Cannot tell how many rows came or went: the server does not count (track_counts)."]
    said = named((statement.node, statement.sql) for statement, _ in work.steps)
    return [*_unnamed(said, made), *_behind(said, sessions, made)]


def _unnamed(said: Named, made: Counts) -> list[str]:
    found = []
    for change in made.values():
        for rows, among, verb in (
            (change.removed, said.removes, "left"),
            (change.added, said.adds, "came into"),
        ):
            if rows > 0 and not said.is_named(change.table, among):
                found.append(
                    f"Up to {rows:,} rows {verb} {change.table} although no statement names it:"
                    " a cascade, a trigger or a function."
                )
    return found


def _behind(said: Named, sessions: Sessions, made: Counts) -> list[str]:
    if said.texts:
        return []  # a block of code assigns what it likes
    found = []
    for oid, change in made.items():
        if change.changed > 0:
            try:
                assigned = said.assigns.get(change.table, set())
                differing, rows = columns.changed_behind(sessions, oid, assigned)
            except CannotTell:
                continue
            if differing:
                names = ", ".join(differing)
                found.append(
                    f"{change.table}: {names} changed in rows where no statement assigns it"
                    f" ({rows:,} rows looked at): a trigger or a cascade."
                )
    return found
