from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests import databases
from tests.migrations_runner.killing.victims import Victims

VARIABLE = "TARGET_SCRATCH_URL"
QueueRun = Callable[..., MigrationRun]


@pytest.fixture
def target_url(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with databases.scratch() as url:
        monkeypatch.setenv(VARIABLE, url)
        yield url


@pytest.fixture
def target(target_url: str) -> TargetDatabase:
    environment, _ = Environment.objects.get_or_create(slug="staging", defaults={"name": "Staging"})
    return TargetDatabase.objects.create(
        name="scratch", environment=environment, url_variable=VARIABLE
    )


@pytest.fixture
def on_target(target_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session of our own on the target, to look at it."""
    with psycopg.connect(target_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def queue(target: TargetDatabase) -> QueueRun:
    """Queue a run of the given texts; scripts are called 1.sql, 2.sql … or as named."""
    release, _ = Release.objects.get_or_create(slug="r", defaults={"title": "R"})

    def make(
        *texts: str, names: tuple[str, ...] = (), role: str = "schema", **variables: str
    ) -> MigrationRun:
        scripts = [
            MigrationScript.objects.update_or_create(
                release=release,
                name=names[place] if names else f"{place + 1}.sql",
                defaults={"text": text, "position": place, "role": role},
            )[0]
            for place, text in enumerate(texts)
        ]
        return runs.queue(
            scripts=scripts, target=target, variables=variables, actor=Actor.command("test")
        )

    return make


@pytest.fixture(scope="session")
def victims(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    """Workers that die where they are told to."""
    made = Victims(databases.control_url(), tmp_path_factory.mktemp("dumps"))
    yield made
    made.close()
