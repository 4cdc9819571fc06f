"""The page of one run, live: what it says in each state, what failed and where, its cancel."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from migrations_runner import execution
from migrations_runner.models import MigrationRun, RunScript, Statement
from migrations_runner.states import RunState, StepState
from releases.models import Event, Heartbeat, Release
from tests.runs.conftest import QueueRun, signed_in, text

RUNNING, QUEUED, LOST = RunState.RUNNING, RunState.QUEUED, RunState.LOST


def page(run: MigrationRun, user: User, name: str = "run") -> str:
    return text(signed_in(user).get(reverse(name, args=[run.pk])))


def set_state(run: MigrationRun, state: RunState, **fields: object) -> MigrationRun:
    MigrationRun.objects.filter(pk=run.pk).update(state=state, **fields)
    run.refresh_from_db()
    return run


# --- Real runs --------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_run_that_succeeded_shows_rows_times_and_output(
    queued: QueueRun, scratch_url: str, vic: User
) -> None:
    run = queued(
        "CREATE TABLE a (n int);", "INSERT INTO a SELECT generate_series(1, 5); SELECT 42 AS x;"
    )
    execution.execute(run.pk)
    shown = page(run, vic)
    assert "2 of 2 scripts applied." in shown
    assert "Succeeded" in shown
    assert "x\n42" in shown
    assert '<td class="number">5</td>' in shown
    assert "hx-trigger" not in shown
    assert "Cancel this run" not in shown


@pytest.mark.django_db(transaction=True)
def test_a_run_that_failed_shows_the_place_what_was_not_done_and_what_to_do(
    queued: QueueRun, scratch_url: str, vic: User
) -> None:
    run = queued(
        "CREATE TABLE a (n int);",
        "-- é\nINSERT INTO a VALUES (1);\nINSERT INTO a\n  SELECT nowhere(2);",
        "CREATE TABLE c ();",
    )
    execution.execute(run.pk)
    shown = page(run, vic)
    assert "2.sql, line 4, column 10: function nowhere" in shown
    assert '<span class="is-it">   4    SELECT nowhere(2);</span>' in shown
    assert f'<span class="is-it">      {" " * 9}^</span>' in shown
    assert "Applied: 1.sql. Not started: 3.sql." in shown
    assert "queue again" in shown
    for word in ("Rolled back", "Not run", "Failed"):
        assert word in shown


@pytest.mark.django_db(transaction=True)
def test_a_skipped_script_is_no_failure(queued: QueueRun, scratch_url: str, vic: User) -> None:
    first = queued("CREATE TABLE a (n int);")
    execution.execute(first.pk)
    again = set_state(first, RunState.SUCCEEDED)
    RunScript.objects.filter(run=again).update(state=StepState.SKIPPED)
    assert "0 of 1 script applied; 1 stood there already, so skipped." in page(again, vic)


# --- Waiting and being lost -------------------------------------------------------------------
def test_a_waiting_run_says_what_it_waits_for(queued: QueueRun, vic: User) -> None:
    run = queued("SELECT 1")
    assert "none has ever reported" in page(run, vic)
    beat = Heartbeat.objects.create(name="worker host", at=Now())
    assert "Waits for the worker to take it" in page(run, vic)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE releases_heartbeat SET at = now() - interval '5 min'")
    assert "the last one reported 5 min" in page(run, vic)
    beat.delete()
    other = set_state(queued("SELECT 2"), RUNNING)
    assert f"Waits for run {other.pk} on the same target" in page(run, vic)


def test_a_running_run_says_where_it_is(queued: QueueRun, vic: User) -> None:
    run = set_state(queued("SELECT 1", "SELECT 2; SELECT 3"), RUNNING, started_at=Now())
    assert "about to begin" in page(run, vic)
    second = run.scripts.get(name="2.sql")
    RunScript.objects.filter(pk=second.pk).update(state=StepState.RUNNING)
    second.statements.filter(index=0).update(state=StepState.APPLIED)
    assert "Script 2 of 2 is under way: 2.sql, 1 of 2 statements done." in page(run, vic)
    set_state(run, RUNNING, cancel_requested_at=Now(), cancel_requested_by="Ana Almeida")
    assert "Ana Almeida asked to cancel" in page(run, vic)


def test_a_lost_run_shows_what_a_person_has_to_do(queued: QueueRun, vic: User) -> None:
    run = set_state(queued("SELECT 1"), LOST, next_step="manage.py settle_run 7 --done", error="?")
    shown = page(run, vic)
    assert "worker gone, being checked" in shown
    assert "manage.py settle_run 7 --done" in shown
    assert "hx-trigger" in shown


# --- Live -------------------------------------------------------------------------------------
def test_polling_ends_with_the_run(queued: QueueRun, vic: User) -> None:
    run, client = queued("SELECT 1"), signed_in(vic)
    part = reverse("run-progress", args=[run.pk])
    assert part in page(run, vic)
    answer = client.get(part, headers={"HX-Request": "true"})
    assert "<html" not in text(answer)
    assert "data-live-note" in text(answer)
    set_state(run, RunState.SUCCEEDED)
    last = client.get(part, headers={"HX-Request": "true"})
    assert "data-live-note" not in text(last, 286)


def test_who_is_signed_out_gets_no_login_page_inside_the_page(queued: QueueRun) -> None:
    from django.test import Client

    part = reverse("run-progress", args=[queued("SELECT 1").pk])
    assert Client().get(part, headers={"HX-Request": "true"}).status_code == 401


def test_of_very_many_statements_the_failed_one_is_always_shown(
    queued: QueueRun, vic: User
) -> None:
    run = queued("\n".join(f"SELECT {n};" for n in range(1, 301)))
    Statement.objects.filter(index=249).update(state=StepState.FAILED)
    shown = page(run, vic)
    assert "SELECT 250" in shown
    assert "SELECT 200<" not in shown
    assert "199 more statements are not listed" in shown


def test_the_number_of_queries_does_not_grow_with_the_run(queued: QueueRun, vic: User) -> None:
    client = signed_in(vic)

    def queries(run: MigrationRun) -> int:
        with CaptureQueriesContext(connection) as captured:
            text(client.get(reverse("run", args=[run.pk])))
        return len(captured)

    few = queries(set_state(queued("SELECT 1"), RunState.SUCCEEDED))
    texts = [f"SELECT {n}; SELECT 0" for n in range(20)]
    MigrationRun.objects.first().scripts.all().delete()  # type: ignore[union-attr]
    Release.objects.get().scripts.all().delete()
    assert queries(set_state(queued(*texts), RunState.SUCCEEDED)) == few


def test_the_list_shows_every_run_in_the_same_number_of_queries(
    queued: QueueRun, release: Release, vic: User
) -> None:
    client, address = signed_in(vic), reverse("release-runs", args=[release.slug])

    def listed() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as captured:
            page = text(client.get(address))
        return page, len(captured)

    first = set_state(queued("SELECT 1"), RunState.SUCCEEDED)
    RunScript.objects.update(state=StepState.APPLIED)
    page, few = listed()
    assert f"Run {first.pk}" in page
    assert "1 of 1" in page
    for n in range(60):
        first.pk = None
        first._state.adding = True
        first.batch_hash = str(n)
        first.save()
    page, many = listed()
    assert many == few
    assert "Page 1 of 2" in page


# --- Cancel -----------------------------------------------------------------------------------
def test_cancelling_asks_first_and_is_told_under_the_persons_name(
    queued: QueueRun, ben: User
) -> None:
    run, client = queued("SELECT 1"), signed_in(ben)
    address = reverse("cancel-run", args=[run.pk])
    assert address in page(run, ben)
    assert "nothing will be run" in text(client.get(address))
    run.refresh_from_db()
    assert run.state == QUEUED
    assert "is cancelled; nothing was run" in text(client.post(address, follow=True))
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert Event.objects.get(verb="run.cancel").actor_name == "Ben Bauer"


def test_a_running_run_is_asked_to_stop_once(queued: QueueRun, ben: User) -> None:
    run = set_state(queued("SELECT 1"), RUNNING)
    client, address = signed_in(ben), reverse("cancel-run", args=[run.pk])
    assert "rolls back the script that is under way" in text(client.get(address))
    assert "is being stopped by its worker" in text(client.post(address, follow=True))
    assert "nothing to cancel any more" in text(client.get(address))


def test_a_run_that_ended_meanwhile_is_a_message(queued: QueueRun, ben: User) -> None:
    run = set_state(queued("SELECT 1"), RunState.SUCCEEDED)
    answer = signed_in(ben).post(reverse("cancel-run", args=[run.pk]), follow=True)
    assert "It is succeeded" in text(answer)


def test_who_may_look_may_not_cancel(queued: QueueRun, vic: User, dora: User) -> None:
    run = queued("SELECT 1")
    address = reverse("cancel-run", args=[run.pk])
    assert address not in page(run, vic)
    for user in (vic, dora):
        assert signed_in(user).post(address).status_code == 403
    assert signed_in(dora).get(reverse("run", args=[run.pk])).status_code == 403
    run.refresh_from_db()
    assert run.state == QUEUED


def test_a_run_that_is_not_there_is_a_404(ben: User) -> None:
    client = signed_in(ben)
    for name in ("run", "run-progress", "cancel-run"):
        for pk in (0, 999_999, 10**30):
            assert client.get(reverse(name, args=[pk])).status_code == 404
