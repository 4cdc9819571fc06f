"""What a worker writes down when it looks at a target, and what a page makes of it."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django_q.models import OrmQ

from migrations_runner import execution, target_facts, target_looks, target_reports
from migrations_runner.linting.catalog import Catalog
from migrations_runner.models import AppliedScript, MigrationRun, TargetReport
from releases.models import Event, Release, TargetDatabase
from releases.refusals import NotPermitted
from releases.states import ReleaseState
from releases.timeline import Actor
from tests import databases
from tests.migrations_runner.conftest import VARIABLE, QueueRun

Session = psycopg.Connection[tuple[object, ...]]
ANA = Actor.command("ana")
pytestmark = pytest.mark.django_db(transaction=True)


def fact(shown: target_reports.Shown, label: str) -> target_reports.Fact:
    return next(each for each in shown.facts if each.label == label)


def looked_at(target: TargetDatabase) -> TargetReport:
    target_looks.look(target.pk)
    return TargetReport.objects.get(target=target)


def test_a_look_tells_version_identity_rights_and_tables(
    target: TargetDatabase, on_target: Session
) -> None:
    on_target.execute("CREATE TABLE books (id int PRIMARY KEY, title text)")
    shown = target_reports.shown(looked_at(target))
    assert shown.ok
    assert shown.error == ""
    assert str(on_target.info.server_version // 10000) in fact(shown, "Server").value
    assert fact(shown, "TLS").tone == "warn"
    assert fact(shown, "Clock").tone == "good"
    assert fact(shown, "Owns the tables").value == "All."
    assert fact(shown, "Makes the ledger's schema").value == "Yes."
    report = TargetReport.objects.get(target=target)
    known = Catalog.from_json(report.catalog)
    books = known.find("books")
    assert known.complete
    assert books is not None
    assert books.names == ("id", "title")
    assert "table public.books" in report.fingerprint["parts"]
    target.refresh_from_db()
    assert target.identity["database"] == report.facts["identity"]["database"]


def test_the_clocks_of_one_server_agree_to_a_part_of_a_second(
    target: TargetDatabase, on_target: Session
) -> None:
    assert abs(target_facts.skew_seconds(on_target)) < 1


def test_another_database_is_refused_and_what_was_seen_before_stays(
    target: TargetDatabase, on_target: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_target.execute("CREATE TABLE books (id int)")
    before = looked_at(target)
    with databases.scratch() as other:
        monkeypatch.setenv(VARIABLE, other)
        shown = target_reports.shown(looked_at(target))
    assert shown.ok is False
    assert "Another database answered" in shown.error
    assert shown.at is not None
    assert shown.seen_at is not None
    assert shown.seen_at < shown.at
    after = TargetReport.objects.get(target=target)
    assert after.catalog == before.catalog


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Set TARGET_SCRATCH_URL"),
        ("postgresql://ana:hunter2@127.0.0.1:1/nothing", "could not be reached"),
        ("no url at all, password=hunter2", "could not be reached"),
    ],
)
def test_a_target_that_cannot_be_reached_is_a_sentence_without_secrets(
    target: TargetDatabase, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str
) -> None:
    monkeypatch.setenv(VARIABLE, url)
    shown = target_reports.shown(looked_at(target))
    assert shown.ok is False
    assert sentence in shown.error
    assert "hunter2" not in shown.error
    assert "Traceback" not in shown.error
    assert shown.facts == []
    assert shown.drift is None


def test_sessions_are_listed_with_their_runs_and_without_anybodys_data(
    target: TargetDatabase, target_url: str
) -> None:
    with psycopg.connect(target_url, application_name="rc-run-77") as other:
        other.execute("SELECT 'ana@example.org', 'password=hunter2'")
        shown = target_reports.shown(looked_at(target))
        session = next(each for each in shown.sessions if each.pid == other.info.backend_pid)
    assert session.run == 77
    assert session.state == "idle in transaction"
    assert session.transaction_seconds is not None
    assert session.query == "SELECT '…', '…'"
    report = TargetReport.objects.get(target=target)
    kept = json.dumps([report.facts, report.sessions])
    assert "hunter2" not in kept
    assert "ana@example.org" not in kept


def test_who_waits_for_whom_is_told(target: TargetDatabase, target_url: str) -> None:
    with psycopg.connect(target_url) as holder, psycopg.connect(target_url) as waiter:
        holder.execute("CREATE TABLE t (id int)")
        holder.commit()
        holder.execute("LOCK TABLE t")
        thread = threading.Thread(target=lambda: waiter.execute("SELECT * FROM t"))
        thread.start()
        pids = waiter.info.backend_pid, holder.info.backend_pid
        with psycopg.connect(target_url, autocommit=True) as watcher:
            question = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while watcher.execute(question).fetchone() == (0,):
                pass
        shown = target_reports.shown(looked_at(target))
        holder.rollback()
        thread.join()
    assert shown.ok, shown.error
    assert fact(shown, "Tables").value.startswith("Not read this time")
    assert [(each.pid, each.on, each.blocked_by) for each in shown.waiting] == [
        (pids[0], "t", (pids[1],))
    ]


def test_a_look_changes_nothing_on_the_target(target: TargetDatabase, on_target: Session) -> None:
    before = on_target.execute(
        "SELECT txid_current_if_assigned(), count(*) FROM pg_class"
    ).fetchall()
    looked_at(target)
    after = on_target.execute(
        "SELECT txid_current_if_assigned(), count(*) FROM pg_class"
    ).fetchall()
    assert after == before


def test_a_role_with_few_rights_gets_a_report_that_says_so(
    target: TargetDatabase, on_target: Session, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_target.execute("CREATE TABLE books (id int)")
    role = f"reader_{uuid.uuid4().hex[:8]}"
    on_target.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'let-me-in'".encode())
    try:
        place = target_url.rpartition("@")[2]
        monkeypatch.setenv(VARIABLE, f"postgresql://{role}:let-me-in@{place}")
        shown = target_reports.shown(looked_at(target))
    finally:
        on_target.execute(f"DROP ROLE {role}".encode())
    assert shown.ok, shown.error
    assert fact(shown, "Makes the ledger's schema").value.startswith("No.")
    assert fact(shown, "Sees what others run").value.startswith("No.")
    assert fact(shown, "Owns the tables").tone == "warn"


def test_what_another_hand_changed_since_our_run_is_drift(
    target: TargetDatabase, on_target: Session, queue: QueueRun
) -> None:
    run = queue("CREATE TABLE books (id int PRIMARY KEY)")
    execution.execute(run.pk)
    assert target_reports.shown(looked_at(target)).drift == []
    on_target.execute("ALTER TABLE books ADD COLUMN title text")
    assert target_reports.shown(looked_at(target)).drift == [
        "table public.books: column title was added"
    ]
    MigrationRun.objects.filter(pk=run.pk).update(state=MigrationRun.State.RUNNING)
    shown = target_reports.shown(looked_at(target))
    assert shown.drift is None
    assert shown.drift_unknown == f"Run {run.pk} is at work."


def test_the_targets_ledger_and_what_we_remember_are_compared(
    target: TargetDatabase, on_target: Session, queue: QueueRun
) -> None:
    execution.execute(queue("CREATE TABLE a (id int)", "CREATE TABLE b (id int)").pk)
    assert target_reports.shown(looked_at(target)).ledger == []
    AppliedScript.objects.filter(name="r/2.sql").delete()
    AppliedScript.objects.filter(name="r/1.sql").update(sha256="0" * 64)
    AppliedScript.objects.create(
        target=target, name="r/9.sql", sha256="1" * 64, applied_at="2026-01-01T00:00:00Z"
    )
    assert target_reports.shown(looked_at(target)).ledger == [
        "r/1.sql stands there with another text than we remember.",
        "r/2.sql stands there, and nothing here knows of it.",
        "r/9.sql is not there any more.",
    ]


def test_asking_twice_is_one_ask_until_it_is_answered(target: TargetDatabase) -> None:
    first = target_reports.ask(target=target, actor=ANA)
    second = target_reports.ask(target=target, actor=ANA)
    assert second.asked_at == first.asked_at
    assert OrmQ.objects.count() == 1
    assert Event.objects.filter(verb="target.look").count() == 1
    target_looks.look(target.pk)
    third = target_reports.ask(target=target, actor=ANA)
    assert third.asked_at != first.asked_at
    assert OrmQ.objects.count() == 2


def test_only_who_may_queue_runs_may_ask(target: TargetDatabase) -> None:
    nobody = Actor.person(User.objects.create_user("dan"))
    with pytest.raises(NotPermitted):
        target_reports.ask(target=target, actor=nobody)
    assert OrmQ.objects.count() == 0


def test_targets_of_live_releases_are_looked_at_again_when_their_report_is_old(
    target: TargetDatabase, queue: QueueRun
) -> None:
    run = queue("SELECT 1")
    OrmQ.objects.all().delete()
    assert target_reports.refresh() == 0, "a release in draft is not live"
    Release.objects.filter(runs=run).update(state=ReleaseState.IN_PROGRESS)
    assert target_reports.refresh() == 1
    assert target_reports.refresh() == 0, "it is asked already"
    target_looks.look(target.pk)
    assert target_reports.refresh() == 0, "the report is fresh"
    long_ago = Now() - timedelta(hours=1)
    TargetReport.objects.update(at=long_ago, asked_at=long_ago)
    assert target_reports.refresh() == 1


def test_what_a_run_changed_since_is_looked_at_again(
    target: TargetDatabase, queue: QueueRun
) -> None:
    run = queue("CREATE TABLE fresh (n int)")
    target_looks.look(target.pk)
    assert target_reports.refresh() == 0
    execution.execute(run.pk)
    assert target_reports.refresh() == 1
    target_looks.look(target.pk)
    assert "fresh" in str(TargetReport.objects.get(target=target).catalog)
    assert target_reports.refresh() == 0


def test_an_ask_whose_poke_was_lost_is_asked_again(target: TargetDatabase) -> None:
    target_reports.ask(target=target, actor=ANA)
    OrmQ.objects.all().delete()
    assert target_reports.refresh() == 0
    TargetReport.objects.update(asked_at=Now() - timedelta(minutes=2))
    assert target_reports.refresh() == 1
    assert OrmQ.objects.count() == 1


def test_a_look_that_began_earlier_never_overwrites_a_later_one(
    target: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = looked_at(target)
    TargetReport.objects.update(at=Now() + timedelta(hours=1))
    monkeypatch.setenv(VARIABLE, "")
    assert target_looks.look(target.pk) is False
    report = TargetReport.objects.get(target=target)
    assert report.ok
    assert report.catalog == later.catalog


def test_a_target_that_is_gone_is_no_error() -> None:
    assert target_looks.look(987_654_321) is False
