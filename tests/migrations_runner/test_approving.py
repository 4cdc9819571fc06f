"""A run in production waits for other people, and is what they approved or does not run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from checklists import approvals
from migrations_runner import approving, execution, hooks, runs
from migrations_runner.models import MigrationRun, MigrationScript, Rehearsal
from migrations_runner.rehearsal import rehearse
from migrations_runner.states import RehearsalState, RunState
from releases.models import Environment, Event, Release, TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor

pytestmark = pytest.mark.django_db(transaction=True)
Ask = Callable[..., MigrationRun]
ONE, TWO = "CREATE TABLE a (id bigint PRIMARY KEY)", "ALTER TABLE a ADD note text"


@pytest.fixture(autouse=True)
def hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Approval takes part in a run, whoever else does."""
    monkeypatch.setattr(hooks, "PREFLIGHT", (approving.require,))
    monkeypatch.setattr(hooks, "BEFORE_SCRIPT", (approving.check_point,))


@pytest.fixture
def ask(target: TargetDatabase, ana: User, ben: User) -> Ask:
    """Ana asks for a run in production; Ben could approve it."""
    environment = Environment.objects.create(
        slug="live", name="Live", is_production=True, position=9
    )
    TargetDatabase.objects.filter(pk=target.pk).update(environment=environment, backup="none")
    target.refresh_from_db()
    release, _ = Release.objects.get_or_create(slug="r", defaults={"title": "R"})

    def make(*texts: str, author: User = ana, prefix: str = "") -> MigrationRun:
        scripts = [
            MigrationScript.objects.update_or_create(
                release=release,
                name=f"{prefix}{place}.sql",
                defaults={"text": text, "position": place},
            )[0]
            for place, text in enumerate(texts)
        ]
        actor = Actor.person(author)
        first = approving.initial_state(
            MigrationRun(target=target, requested_by=author, requested_by_name=actor.name)
        )
        run = runs.queue(scripts=scripts, target=target, variables={}, actor=actor)
        if run.state != first:  # queue() itself does not ask for approval
            run.state = first
            run.save(update_fields=["state"])
            with transaction.atomic():
                approving.begin(run, actor)
        return run

    return make


def rehearsed(run: MigrationRun) -> Rehearsal:
    rehearsal = Rehearsal.objects.get(run=run, state=RehearsalState.QUEUED)
    rehearse.rehearse(rehearsal.pk)
    rehearsal.refresh_from_db()
    assert rehearsal.error == ""
    return rehearsal


def approve(run: MigrationRun, person: User, **words: str) -> MigrationRun:
    return approving.approve(run=run, actor=Actor.person(person), **words)


def executed(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def test_a_rehearsed_and_approved_batch_runs_its_own_effects_being_no_difference(
    ask: Ask, ben: User, target_url: str
) -> None:
    run = ask(ONE, TWO)
    assert run.state == RunState.AWAITING_APPROVAL
    execution.execute(run.pk)
    rehearsed(run)
    assert approve(run, ben, note="Looks right").state == RunState.QUEUED
    event = Event.objects.get(verb="run.approve")
    assert (event.actor_name, event.data["note"]) == ("Ben Bauer", "Looks right")
    run = executed(run)
    assert (run.error, run.state) == ("", RunState.SUCCEEDED)


def test_staging_needs_nobody(ask: Ask, target: TargetDatabase) -> None:
    Environment.objects.update(approvals_needed=0)
    target.environment.refresh_from_db()
    run = ask(ONE)
    assert run.state == RunState.QUEUED
    assert not Rehearsal.objects.exists()
    assert executed(run).state == RunState.SUCCEEDED


def test_nothing_is_approved_before_it_was_rehearsed_unless_a_reason_is_written(
    ask: Ask, ben: User
) -> None:
    run = ask(ONE)
    with pytest.raises(approving.NotRehearsed, match="The last one: queued"):
        approve(run, ben)
    approve(run, ben, without_rehearsal_reason="The server for clones is down")
    said = Event.objects.get(verb="run.approve").data
    assert said["without_rehearsal"] == "The server for clones is down"
    assert executed(run).state == RunState.SUCCEEDED


def test_the_author_does_not_approve_and_a_double_click_counts_once(
    ask: Ask, ana: User, ben: User, target: TargetDatabase
) -> None:
    Environment.objects.update(approvals_needed=1)
    run = ask(ONE)
    rehearsed(run)
    with pytest.raises(approvals.OwnWork):
        approve(run, ana)
    Environment.objects.update(approvals_needed=2)
    assert approve(run, ben).state == RunState.AWAITING_APPROVAL
    with pytest.raises(approvals.ApprovedAlready):
        approve(run, ben)


def test_two_people_at_once_hand_the_run_on_once(ask: Ask, ben: User, ana: User) -> None:
    zoe = User.objects.create_user("zoe")
    zoe.groups.set(ben.groups.all())
    Environment.objects.update(approvals_needed=2)
    run = ask(ONE)
    rehearsed(run)
    together = threading.Barrier(2)
    states: list[str] = []

    def say_yes(person: User) -> None:
        together.wait()
        try:
            states.append(approve(run, person).state)
        finally:
            connection.close()

    threads = [threading.Thread(target=say_yes, args=[person]) for person in (ben, zoe)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == [RunState.AWAITING_APPROVAL, RunState.QUEUED]


def test_nobody_who_could_approve_is_said_when_queueing(ask: Ask, ben: User) -> None:
    ben.groups.clear()
    with pytest.raises(approvals.NobodyCouldApprove):
        ask(ONE)
    assert not MigrationRun.objects.exists()


def refused(run: MigrationRun, why: str) -> None:
    run = executed(run)
    assert run.state == RunState.FAILED
    assert why in run.error
    assert not run.scripts.filter(state="applied").exists()


@pytest.mark.parametrize("change", ["withdrawn", "edited", "rights", "reversed"])
def test_an_approval_that_does_not_stand_any_more_is_refused_by_the_worker(
    ask: Ask, ben: User, change: str
) -> None:
    run = ask(ONE, TWO)
    rehearsed(run)
    approve(run, ben)
    if change == "withdrawn":
        approving.withdraw(run=run, actor=Actor.person(ben), reason="Not on a Friday")
    elif change == "edited":
        MigrationRun.objects.filter(pk=run.pk).update(variables={"x": "1"})
    elif change == "rights":
        ben.groups.clear()
    else:
        first, second = run.scripts.all()
        run.scripts.filter(pk=first.pk).update(position=5)
        run.scripts.filter(pk=second.pk).update(position=0)
    refused(run, "The approval of this run does not stand any more, so nothing was run.")


def test_a_schema_that_changed_since_the_rehearsal_is_refused_by_name(
    ask: Ask, ben: User, target_url: str
) -> None:
    with psycopg.connect(target_url, autocommit=True) as other:
        other.execute("CREATE TABLE projects (id bigint)")
    run = ask(ONE)
    rehearsed(run)
    approve(run, ben)
    with psycopg.connect(target_url, autocommit=True) as other:
        other.execute("ALTER TABLE projects ADD COLUMN x integer")
    refused(run, "Since the rehearsal: table public.projects: column x was added.")


def test_another_run_in_between_is_a_difference_and_its_name_is_told(
    ask: Ask, ben: User, target: TargetDatabase
) -> None:
    run, other = ask(ONE), ask("CREATE TABLE other (id bigint)", prefix="other-")
    for each in (run, other):
        rehearsed(each)
        approve(each, ben)
    # The first in the line changes what the second was rehearsed on.
    assert executed(run).state == RunState.SUCCEEDED
    refused(other, "Since the rehearsal: table public.a was added.")


def test_a_rehearsal_that_failed_later_takes_the_ground_from_the_approval(
    ask: Ask, ben: User
) -> None:
    run = ask(ONE)
    rehearsed(run)
    Rehearsal.objects.create(run=run, state=RehearsalState.FAILED, error="broke")
    with pytest.raises(approving.NotRehearsed, match=r"failed\. broke"):
        approve(run, ben)


def test_what_does_not_wait_is_not_approved(ask: Ask, ben: User) -> None:
    run = ask(ONE)
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.CANCELLED)
    for verb in (approving.approve, approving.withdraw):
        act: Callable[..., object] = verb
        with pytest.raises(Refused, match="does not wait"):
            act(run=run, actor=Actor.person(ben))
