from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests import databases

VARIABLE = "TARGET_SCRATCH_URL"
MakeScript = Callable[..., MigrationScript]
QueueRun = Callable[..., MigrationRun]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return str(response.content.decode())


@pytest.fixture
def target(staging: Environment) -> TargetDatabase:
    return TargetDatabase.objects.create(
        name="staging", environment=staging, url_variable=VARIABLE, stall_budget_ms=60_000
    )


@pytest.fixture
def live(production: Environment) -> TargetDatabase:
    """The target that asks to be named before anything is queued on it; nobody has to approve."""
    production.approvals_needed = 0
    production.save()
    return TargetDatabase.objects.create(
        name="production",
        environment=production,
        url_variable=VARIABLE,
        stall_budget_ms=60_000,
        backup=TargetDatabase.BackupNeed.NONE,
    )


@pytest.fixture
def scratch_url(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real database behind the targets."""
    with databases.scratch() as url:
        monkeypatch.setenv(VARIABLE, url)
        yield url


@pytest.fixture
def script(release: Release) -> MakeScript:
    def make(name: str, sql: str, **fields: object) -> MigrationScript:
        return MigrationScript.objects.create(
            release=release,
            name=name,
            text=sql,
            position=release.scripts.count(),
            **fields,
        )

    return make


@pytest.fixture
def queued(target: TargetDatabase, script: MakeScript) -> QueueRun:
    """Queue a run of the given texts; the scripts of a test are 1.sql, 2.sql …"""

    def make(*texts: str, **variables: str) -> MigrationRun:
        first = MigrationScript.objects.count() + 1
        scripts = [script(f"{place}.sql", sql) for place, sql in enumerate(texts, first)]
        return runs.queue(
            scripts=scripts, target=target, variables=variables, actor=Actor.command("test")
        )

    return make
