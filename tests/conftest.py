"""The cast, and small builders. Ana releases, Ben reviews, Cleo supports, Dan has no rights."""

from __future__ import annotations

import os
import shutil
import tempfile

# Playwright's synchronous API runs an event loop in the test's thread; Django must not mind.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import TransactionTestCase

from checklists import gates
from checklists.models import Checklist, ChecklistItem
from flags.api.tally import tally
from flags.serving import counting, ruleset
from releasecontrol import people
from releases.models import Environment, Release


def pytest_configure() -> None:
    """A fast password hash: what is tested is who may, not how passwords are kept."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RULESET_DIR = tempfile.mkdtemp(prefix="ruleset-")


#: What `migrate` fills and tests leave alone. Django's flush has it made anew after every test that
#: commits: 400 permissions and the roles, which takes longer than most of those tests.
KEPT = frozenset(
    {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_content_type",
        "django_migrations",
    }
)


def _empty_what_was_written(_case: TransactionTestCase) -> None:
    """Empty the tables that hold rows, but for `KEPT`."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - KEPT
        asked = ", ".join(f"(SELECT 1 FROM {name} LIMIT 1) IS NOT NULL" for name in sorted(tables))
        cursor.execute(f"SELECT {asked}")
        filled = [
            name for name, rows in zip(sorted(tables), cursor.fetchone(), strict=True) if rows
        ]
        if filled:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


TransactionTestCase._fixture_teardown = _empty_what_was_written  # type: ignore[attr-defined]

#: What takes longest, longest first: begun last, one process would work on while the others wait.
SLOWEST_FILES = (
    "tests/stories/test_api_story.py",
    "tests/browser/test_story.py",
    "tests/migrations_runner/killing/test_scripts.py",
    "tests/migrations_runner/killing/test_rows.py",
    "tests/migrations_runner/killing/test_copies.py",
    "tests/house/test_make_up.py",
    "tests/runs/test_screens_in_browser.py",
    "tests/faults/test_worker.py",
    "tests/board/test_in_browser.py",
    "tests/runs/test_in_browser.py",
)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name a failure when it happens: a CI that is cut off prints no summary any more."""
    if report.failed:
        print(f"\n{report.nodeid}: {report.longreprtext[-600:]}", flush=True)


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the slowest files first; the rest stays in its random order."""
    place = {name: number for number, name in enumerate(SLOWEST_FILES)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Whatever a test asked of the ruleset, its threads end before the database is emptied."""
    tally.stop()
    counting.stop()
    ruleset.stop()
    shutil.rmtree(settings.RULESET_DIR, ignore_errors=True)


def _person(username: str, name: str, role: str) -> User:
    person = people.add_person(username=username, name=name, role=role)
    person.set_password("correct horse battery")
    person.save(update_fields=["password"])
    return person


@pytest.fixture
def ana(db: None) -> User:
    """Release manager."""
    return _person("ana", "Ana Almeida", "release-manager")


@pytest.fixture
def ben(db: None) -> User:
    """Engineer; the second pair of eyes."""
    return _person("ben", "Ben Bauer", "engineer")


@pytest.fixture
def dora(db: None) -> User:
    """Product."""
    return _person("dora", "Dora Diaz", "product")


@pytest.fixture
def cleo(db: None) -> User:
    """Support."""
    return _person("cleo", "Cleo Chen", "support")


@pytest.fixture
def vic(db: None) -> User:
    """Viewer."""
    return _person("vic", "Vic Vega", "viewer")


@pytest.fixture
def dan(db: None) -> User:
    """Signed in, but in no role."""
    return User.objects.create_user("dan", password="correct horse battery")


@pytest.fixture
def staging(db: None) -> Environment:
    return Environment.objects.get_or_create(
        slug="staging", defaults={"name": "Staging", "position": 1}
    )[0]


@pytest.fixture
def production(db: None) -> Environment:
    return Environment.objects.get_or_create(
        slug="production", defaults={"name": "Production", "position": 2, "is_production": True}
    )[0]


@pytest.fixture
def release(db: None) -> Release:
    """A draft with one phase before the start and one numbered phase before the rollout."""
    made = Release.objects.create(slug="universe-v2", title="Universe V2")
    before = Checklist.objects.create(
        release=made, key="before", title="Before", position=0, gate="start"
    )
    steps = Checklist.objects.create(
        release=made, key="steps", title="Steps", position=1, gate="roll_out"
    )
    for place, text in enumerate(("Backup created", "Reviewed")):
        ChecklistItem.objects.create(checklist=before, key=f"b{place}", position=place, text=text)
    for place, text in enumerate(("Run migrations", "Deploy", "Smoke tests")):
        ChecklistItem.objects.create(
            checklist=steps, key=f"s{place}", position=place, number=place + 1, text=text
        )
    gates.ensure(made)
    return made


@pytest.fixture
def items(release: Release) -> list[ChecklistItem]:
    return list(ChecklistItem.objects.filter(checklist__key="before"))


@pytest.fixture
def steps(release: Release) -> list[ChecklistItem]:
    return list(ChecklistItem.objects.filter(checklist__key="steps"))
