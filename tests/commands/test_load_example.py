"""load_example: idempotent, and healed after a kill at any line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command

from checklists.models import ChecklistItem
from migrations_runner.models import MigrationScript
from releasecontrol import people
from releasecontrol.examples import keeping, load, world
from releases import tokens
from releases.models import ApiToken, Event, Release, TargetDatabase

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A VAR_DIR of the test's own, and no target databases to build worlds on."""
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path / "var")
    for name in ("TARGET_STAGING_URL", "TARGET_PRODUCTION_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "var"


def logins(var: Path) -> list[dict[str, str]]:
    known: list[dict[str, str]] = json.loads((var / "example-logins.json").read_text())
    return known


def stand_in_tokens(var: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads((var / "example-tokens.json").read_text())
    return known


def test_everybody_in_the_file_can_sign_in_with_their_role(var: Path) -> None:
    load.load()
    for login in logins(var):
        user = authenticate(username=login["username"], password=login["password"])
        assert isinstance(user, User)
        role = people.role_of(user)
        assert user.is_superuser if login["role"] == "superuser" else role is not None
        assert role is None or role == people.ROLES[login["role"]]
    assert [login["username"] for login in logins(var)] == [
        "ana",
        "ben",
        "dora",
        "cleo",
        "vic",
        "admin",
    ]


def test_the_files_are_their_owners_only(var: Path) -> None:
    load.load()
    for name in ("example-logins.json", "example-tokens.json"):
        assert (var / name).stat().st_mode & 0o777 == 0o600
    assert not list(var.glob("*.draft"))


def test_the_release_has_its_plan_scripts_and_targets(var: Path) -> None:
    release = load.load()
    assert (release.slug, release.state) == ("universe-v2", "draft")
    assert not MigrationScript.objects.filter(text="").exists()
    assert [flag.key for flag in release.flags.all()] == ["universe-v2"]
    assert set(TargetDatabase.objects.values_list("name", "url_variable")) == {
        ("staging", "TARGET_STAGING_URL"),
        ("production", "TARGET_PRODUCTION_URL"),
    }


def test_the_stand_ins_tokens_evaluate_in_their_own_environment(var: Path) -> None:
    load.load()
    for environment, plain in stand_in_tokens(var).items():
        token = tokens.verify(plain, scope="evaluate")
        assert token is not None
        assert token.environment.slug == environment


def test_the_second_time_changes_nothing(var: Path) -> None:
    def picture() -> Any:
        return (
            list(User.objects.values()),
            list(ApiToken.objects.values()),
            list(ChecklistItem.objects.values()),
            Event.objects.count(),
            (var / "example-logins.json").read_text(),
            (var / "example-tokens.json").read_text(),
        )

    load.load()
    before = picture()
    load.load()
    assert picture() == before


def test_what_people_changed_is_left_as_it_is(var: Path) -> None:
    load.load()
    MigrationScript.objects.filter(name="001_create_universes.sql").update(text="SELECT 1;")
    ana = User.objects.get(username="ana")
    ana.set_password("a password of her own")
    ana.save()
    load.load()
    assert MigrationScript.objects.get(name="001_create_universes.sql").text == "SELECT 1;"
    assert authenticate(username="ana", password="a password of her own") == ana


def test_a_lost_file_gives_everybody_a_new_password(var: Path) -> None:
    load.load()
    old = {login["username"]: login["password"] for login in logins(var)}
    (var / "example-logins.json").unlink()
    load.load()
    for login in logins(var):
        assert login["password"] != old[login["username"]]
        assert authenticate(username=login["username"], password=login["password"])


def test_a_new_database_with_an_old_file_gets_the_files_passwords(var: Path) -> None:
    load.load()
    before = logins(var)
    User.objects.all().delete()
    load.load()
    assert logins(var) == before
    assert authenticate(username="ben", password=before[1]["password"])


class Killed(BaseException):
    """Stands for a kill: nothing that follows runs, and nobody catches it."""


@pytest.mark.parametrize("step", ["write_draft", "publish"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_between_file_and_database_is_healed(
    var: Path, monkeypatch: pytest.MonkeyPatch, step: str, nth: int
) -> None:
    real, calls = getattr(keeping, step), []

    def killed_after(*arguments: Any) -> None:
        calls.append(arguments)
        if step == "publish" and len(calls) == nth:
            raise Killed  # the database knows, the file has not got its name
        real(*arguments)
        if len(calls) == nth:
            raise Killed  # the draft is written, the database does not know

    with monkeypatch.context() as patched:
        patched.setattr(keeping, step, killed_after)
        with pytest.raises(Killed):
            load.load()
    load.load()
    for login in logins(var):
        assert authenticate(username=login["username"], password=login["password"])
    assert all(tokens.verify(t, scope="evaluate") for t in stand_in_tokens(var).values())
    assert ApiToken.objects.filter(revoked_at=None).count() == 2
    assert not list(var.glob("*.draft"))


def test_a_revoked_token_is_replaced(var: Path) -> None:
    load.load()
    before = stand_in_tokens(var)
    token = tokens.verify(before["staging"], scope="evaluate")
    assert token is not None
    tokens.revoke(token=token, actor=load.ACTOR)
    load.load()
    assert stand_in_tokens(var)["staging"] != before["staging"]
    assert ApiToken.objects.filter(revoked_at=None).count() == 2


def test_an_example_that_has_ended_stays_as_it_ended(var: Path) -> None:
    load.load()
    Release.objects.update(state="rolled_back")
    assert load.load().state == "rolled_back"


def test_a_half_written_file_counts_as_none(var: Path) -> None:
    var.mkdir()
    (var / "example-logins.json").write_text('[{"usern')
    load.load()
    assert len(logins(var)) == 6


def test_worlds_are_built_only_where_a_target_is_configured(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    monkeypatch.setattr(world, "build", lambda url, **_size: built.append(url))
    load.load()
    assert built == []
    monkeypatch.setitem(os.environ, "TARGET_STAGING_URL", "postgresql://nowhere/staging")
    load.load()
    assert built == ["postgresql://nowhere/staging"]


def test_the_command_tells_what_it_made_and_where_the_logins_are(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("load_example")
    said = capsys.readouterr().out
    assert "(universe-v2)" in said
    assert str(var / "example-logins.json") in said
