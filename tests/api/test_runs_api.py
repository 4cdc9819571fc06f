"""Runs over the API: each verb allowed, forbidden to a role, and refused as a problem document."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript, Rehearsal
from migrations_runner.states import RehearsalState, RunState
from releases.models import Environment, Event, Release, TargetDatabase
from releases.timeline import Actor
from tests.api.conftest import is_problem


@pytest.fixture
def target(staging: Environment) -> TargetDatabase:
    """Here somebody else has to approve each run."""
    staging.approvals_needed = 1
    staging.save()
    return TargetDatabase.objects.create(
        name="staging", environment=staging, url_variable="TARGET_STAGING_URL"
    )


@pytest.fixture
def run(release: Release, target: TargetDatabase, ana: User, ben: User) -> MigrationRun:
    """Ana asked for it; Ben could approve it."""
    script = MigrationScript.objects.create(
        release=release, name="1.sql", text="CREATE TABLE a (n int PRIMARY KEY);"
    )
    return runs.queue(scripts=[script], target=target, variables={}, actor=Actor.person(ana))


def state(run: MigrationRun, **fields: object) -> None:
    MigrationRun.objects.filter(pk=run.pk).update(**fields)


def rehearsed(run: MigrationRun) -> Rehearsal:
    """As a worker leaves it."""
    found = run.rehearsals.get()
    found.state = RehearsalState.PASSED
    found.save()
    script = found.scripts.create(position=0, name="1.sql", fingerprint_before="f")
    script.statements.create(
        index=0,
        line=1,
        kind="CREATE TABLE",
        milliseconds=4.0,
        locks=[["public.a", "AccessExclusiveLock"]],
    )
    return found


def test_a_run_that_needs_approval_says_so_and_is_rehearsed_by_itself(
    call: Any, run: MigrationRun, ana: User
) -> None:
    told = call(ana, "GET", f"/runs/{run.pk}").json()
    assert (told["state"], told["approvals_needed"]) == ("awaiting_approval", 1)
    assert told["approved_by"] == []
    assert call(ana, "GET", f"/runs/{run.pk}/rehearsal").json()["state"] == "queued"


def test_the_rehearsal_is_told_by_statement_with_its_locks(
    call: Any, run: MigrationRun, ben: User
) -> None:
    rehearsed(run)
    told = call(ben, "GET", f"/runs/{run.pk}/rehearsal").json()
    assert (told["state"], told["warnings"]) == ("passed", [])
    [script] = told["scripts"]
    assert (script["name"], script["milliseconds"]) == ("1.sql", 4.0)
    assert script["statements"][0]["kind"] == "CREATE TABLE"
    [lock] = script["locks"]
    assert (lock["table"], lock["to_ms"], lock["keeps_waiting"]) == (
        "public.a",
        4.0,
        "readers and writers",
    )


def test_another_person_approves_and_the_run_is_queued(
    call: Any, run: MigrationRun, ben: User
) -> None:
    rehearsed(run)
    told = call(ben, "POST", f"/runs/{run.pk}/approve", {"note": "seen"}).json()
    assert (told["state"], told["approved_by"]) == ("queued", ["ben"])
    back = call(ben, "POST", f"/runs/{run.pk}/withdraw", {"reason": "not today"}).json()
    assert back["approved_by"] == []
    assert Event.objects.get(verb="run.withdraw_approval").data["reason"] == "not today"


def test_the_author_can_not_approve_and_nobody_without_a_rehearsal_or_a_reason(
    call: Any, run: MigrationRun, ana: User, ben: User
) -> None:
    path = f"/runs/{run.pk}/approve"
    is_problem(call(ben, "POST", path), 409, "not-rehearsed")
    reasoned = {"without_rehearsal_reason": "the clone's disk is full"}
    is_problem(call(ana, "POST", path, reasoned), 409, "own-work")
    assert call(ben, "POST", path, reasoned).json()["state"] == "queued"
    is_problem(call(ben, "POST", path, reasoned), 409, "not-awaiting-approval")


def test_a_waiting_run_is_rehearsed_again(call: Any, run: MigrationRun, ana: User) -> None:
    rehearsed(run)
    answer = call(ana, "POST", f"/runs/{run.pk}/rehearse", {"with_down": True})
    assert answer.status_code == 202
    assert list(run.rehearsals.values_list("state", "with_down")) == [
        ("queued", True),
        ("passed", False),
    ]
    state(run, state=RunState.SUCCEEDED)
    is_problem(call(ana, "POST", f"/runs/{run.pk}/rehearse"), 409, "nothing-to-rehearse")


def test_a_run_at_work_is_paused_and_resumed(call: Any, run: MigrationRun, ana: User) -> None:
    is_problem(call(ana, "POST", f"/runs/{run.pk}/pause"), 409, "not-running")
    is_problem(call(ana, "POST", f"/runs/{run.pk}/resume"), 409, "not-paused")
    state(run, state=RunState.RUNNING)
    assert call(ana, "POST", f"/runs/{run.pk}/pause").json()["pause_requested_at"]
    assert call(ana, "POST", f"/runs/{run.pk}/resume").json()["pause_requested_at"] is None


def test_a_lost_run_is_settled_by_a_persons_word(call: Any, run: MigrationRun, ana: User) -> None:
    word = {"done": True, "reason": "the table is there"}
    is_problem(call(ana, "POST", f"/runs/{run.pk}/settle", word), 409, "not-lost")
    state(run, state=RunState.LOST)
    assert call(ana, "POST", f"/runs/{run.pk}/settle", word).status_code == 202
    is_problem(call(ana, "POST", f"/runs/{run.pk}/settle", {"done": True}), 422, "does-not-fit")


def test_an_undo_is_a_run_of_its_own(call: Any, run: MigrationRun, ana: User) -> None:
    path, why = f"/runs/{run.pk}/undo", {"reason": "the wrong rows"}
    is_problem(call(ana, "POST", path, why), 409, "run-not-over")
    state(run, state=RunState.SUCCEEDED)
    is_problem(call(ana, "POST", path, why), 409, "nothing-to-undo")
    run.scripts.update(undo=True, state="applied")
    answer = call(ana, "POST", path, why)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["kind"], told["undoes"], told["state"]) == ("undo", run.pk, "awaiting_approval")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("approve", {}),
        ("withdraw", {}),
        ("cancel", {}),
        ("pause", {}),
        ("resume", {}),
        ("rehearse", {}),
        ("undo", {"reason": "r"}),
        ("settle", {"done": False, "reason": "r"}),
    ],
)
def test_a_role_that_may_only_look_can_do_nothing_with_a_run(
    call: Any, run: MigrationRun, vic: User, cleo: User, verb: str, body: Any
) -> None:
    before = MigrationRun.objects.values().get(pk=run.pk)
    is_problem(call(vic, "POST", f"/runs/{run.pk}/{verb}", body), 403, "not-permitted")
    assert MigrationRun.objects.values().get(pk=run.pk) == before
    assert call(vic, "GET", f"/runs/{run.pk}/rehearsal").status_code == 200
    is_problem(call(cleo, "GET", f"/runs/{run.pk}/rehearsal"), 403, "not-permitted")


def test_a_token_of_another_environment_approves_nothing(
    call: Any, run: MigrationRun, production: Environment, ben: User
) -> None:
    TargetDatabase.objects.update(environment=production)
    for verb in ("approve", "withdraw", "pause", "resume", "rehearse", "cancel"):
        is_problem(call(ben, "POST", f"/runs/{run.pk}/{verb}"), 409, "other-environment")


def test_a_run_that_was_never_rehearsed_has_no_rehearsal(
    call: Any, run: MigrationRun, ana: User
) -> None:
    run.rehearsals.all().delete()
    is_problem(call(ana, "GET", f"/runs/{run.pk}/rehearsal"), 404, "not-found")


def test_every_operation_has_an_id_of_its_own(client: Any, db: None) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    ids = [verb["operationId"] for path in paths.values() for verb in path.values()]
    assert len(set(ids)) == len(ids)
    assert {"approve_run", "get_rehearsal", "settle_run", "test_target", "list_scripts"} <= set(ids)


def test_runs_are_listed_newest_first_page_by_page_at_a_fixed_cost(
    call: Any, run: MigrationRun, ana: User, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as few:
        assert call(ana, "GET", "/runs").status_code == 200
    MigrationRun.objects.bulk_create(
        MigrationRun(
            release=run.release,
            target=run.target,
            state=RunState.SUCCEEDED,
            batch_hash=str(n),
            requested_by_name="ana",
        )
        for n in range(60)
    )
    with django_assert_max_num_queries(len(few)):
        told = call(ana, "GET", "/runs").json()
    ids = [each["id"] for each in told["runs"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), told["next"]) == (50, ids[-1])
    rest = call(ana, "GET", f"/runs?before={told['next']}").json()
    assert (len(rest["runs"]), rest["next"]) == (11, None)
    assert rest["runs"][-1]["id"] == run.pk
    assert rest["runs"][-1]["script_count"] == 1
    waiting = call(ana, "GET", "/runs?state=awaiting_approval&target=staging").json()
    assert [each["id"] for each in waiting["runs"]] == [run.pk]
    assert call(ana, "GET", "/runs?target=nowhere").json()["runs"] == []


def test_a_list_of_runs_refuses_what_it_does_not_know(
    call: Any, run: MigrationRun, ana: User
) -> None:
    for question in ("state=perhaps", "before=0", f"before={2**70}", "before=x"):
        is_problem(call(ana, "GET", f"/runs?{question}"), 422, "does-not-fit")
