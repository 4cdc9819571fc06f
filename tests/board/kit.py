"""Small helpers of the board's tests."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client

from checklists import ticking
from checklists.models import ChecklistItem
from flags.models import Flag, FlagState, Rollout, Stage
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from monitoring.models import Guardrail, SmokeTest
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor

HTMX = {"HX-Request": "true"}


def of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def tick(item: ChecklistItem, person: User) -> None:
    ticking.tick(item=item, actor=Actor.person(person))


def add_dial(release: Release, environment: Environment, key: str = "universe-v2") -> FlagState:
    """A flag of the release at 0 %, with four stages."""
    flag, _ = Flag.objects.get_or_create(key=key, defaults={"name": key, "release": release})
    state = FlagState.objects.create(flag=flag, environment=environment)
    rollout = Rollout.objects.create(state_of=state)
    for place, percent in enumerate((10, 25, 50, 100)):
        Stage.objects.create(rollout=rollout, position=place, percentage=percent * 1000)
    return state


def add_run(release: Release, target: TargetDatabase, state: str, person: User) -> MigrationRun:
    """A run of two scripts, the first of which is applied."""
    run = MigrationRun.objects.create(
        release=release,
        target=target,
        state=state,
        batch_hash=f"batch-{MigrationRun.objects.count()}",
        requested_by=person,
        requested_by_name=str(person),
    )
    for place, step in enumerate(("applied", "pending")):
        RunScript.objects.create(
            run=run, name=f"{place}.sql", position=place, text="SELECT 1", sha256="", state=step
        )
    return run


def add_script(release: Release, name: str, body: str = "") -> MigrationScript:
    return MigrationScript.objects.create(release=release, name=name, text=body)


def add_smoke_test(release: Release, name: str) -> SmokeTest:
    return SmokeTest.objects.create(
        release=release, key=name, name=name, url="http://127.0.0.1:9/health"
    )


def add_guardrail(release: Release, words: str) -> Guardrail:
    return Guardrail.objects.create(
        release=release, key=words, origin="trigger", text=words, consequence="roll_back"
    )
