"""A wrong setting stops the start with an id and a hint; nothing secret is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import Error, Warning  # noqa: A004
from pytest_django.fixtures import Settings

from releasecontrol import checks
from releasecontrol.environment import database

ROOT = Path(__file__).resolve().parents[2]
SOMEWHERE = "postgresql://u:hunter2@127.0.0.1:1/nothing"


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": SOMEWHERE, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "check_id"),
    [
        ({"EXAMPLE": "perhaps"}, "releasecontrol.E001"),
        ({"PORT": "eighty"}, "releasecontrol.E002"),
        ({"PORT": "70000"}, "releasecontrol.E003"),
        ({"DATABASE_URL": "mysql://u:hunter2@h/d"}, "releasecontrol.E004"),
        ({"DATABASE_URL": "hunter2"}, "releasecontrol.E004"),
        ({"BASE_URL": "ftp://x"}, "releasecontrol.E005"),
        ({"EXAMPLE": "true", "ALLOWED_HOSTS": "example.org"}, "releasecontrol.E010"),
        ({"SENTRY_DSN": "nonsense"}, "releasecontrol.E011"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_id(
    variables: dict[str, str], check_id: str
) -> None:
    stopped = start(**variables)
    said = stopped.stdout + stopped.stderr
    assert stopped.returncode == 1
    assert check_id in said
    assert "hint:" in said.lower()
    assert "hunter2" not in said
    assert "Traceback" not in said


def test_right_settings_start() -> None:
    assert start().returncode == 0


def test_every_id_is_documented() -> None:
    told = (ROOT / "docs" / "settings.md").read_text()
    used = set()
    for name in ("environment.py", "checks.py"):
        text = (ROOT / "releasecontrol" / name).read_text()
        used |= set(re.findall(r"releasecontrol\.[EW]\d{3}", text))
    assert used
    assert {one for one in used if one not in told} == set()


def test_every_variable_is_in_the_example_file() -> None:
    listed = set(
        re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    text = (ROOT / "releasecontrol" / "settings.py").read_text()
    read = set(re.findall(r"(?:boolean|number|web_address|environ\.get)\(\s*\"([A-Z_]+)", text))
    assert read - listed == set()


def test_the_embedded_server_is_warned_about_in_production(settings: Settings) -> None:
    settings.EMBEDDED = True
    assert [w.id for w in checks.production_has_its_own_database()] == ["releasecontrol.W012"]
    assert isinstance(checks.production_has_its_own_database()[0], Warning)
    settings.EMBEDDED = False
    assert checks.production_has_its_own_database() == []


def test_the_example_may_stay_on_loopback(settings: Settings) -> None:
    settings.EXAMPLE, settings.ALLOWED_HOSTS = True, ["127.0.0.1", "localhost"]
    assert checks.example_stays_on_loopback() == []
    settings.ALLOWED_HOSTS = ["*"]
    assert isinstance(checks.example_stays_on_loopback()[0], Error)


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h:5433/d?sslmode=require"])
def test_postgresql_in_either_spelling_is_taken(url: str) -> None:
    assert database(url)["ENGINE"] == "django.db.backends.postgresql"
