"""Targets and scripts over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from migrations_runner.models import Backup, Hold, MigrationScript, TargetReport
from releases.models import Environment, Release, TargetDatabase
from tests.api.conftest import is_problem


@pytest.fixture
def target(staging: Environment) -> TargetDatabase:
    return TargetDatabase.objects.create(
        name="staging", environment=staging, url_variable="TARGET_STAGING_URL"
    )


def test_targets_are_listed_and_one_is_told_whole(
    call: Any, target: TargetDatabase, vic: User
) -> None:
    [listed] = call(vic, "GET", "/targets").json()
    assert (listed["name"], listed["environment"]) == ("staging", "staging")
    assert listed["last_look_ok"] is None
    told = call(vic, "GET", "/targets/staging").json()
    assert (told["report"], told["holds"], told["backups"]) == (None, [], [])
    assert told["backup"] == "This target needs no backup before a run."
    is_problem(call(vic, "GET", "/targets/nowhere"), 404, "not-found")


def test_a_failed_look_is_told_in_words_and_drift_is_cannot_tell(
    call: Any, target: TargetDatabase, vic: User
) -> None:
    TargetReport.objects.create(target=target, at="2026-11-23T01:00Z", ok=False, error="No route.")
    report = call(vic, "GET", "/targets/staging").json()["report"]
    assert (report["ok"], report["error"], report["drift"]) == (False, "No route.", None)
    assert report["drift_unknown"]


def test_a_worker_is_asked_to_look(call: Any, target: TargetDatabase, ana: User) -> None:
    answer = call(ana, "POST", "/targets/staging/test")
    assert answer.status_code == 202
    assert answer.json()["is_looking"] is True


def test_a_target_is_held_once_and_lifted_once(
    call: Any, target: TargetDatabase, ana: User
) -> None:
    why = {"reason": "the disk is nearly full"}
    [hold] = call(ana, "POST", "/targets/staging/hold", why).json()["holds"]
    assert (hold["reason"], hold["set_by"]) == ("the disk is nearly full", "Ana Almeida")
    is_problem(call(ana, "POST", "/targets/staging/hold", why), 409, "already-held")
    assert call(ana, "POST", "/targets/staging/lift", why).json()["holds"] == []
    is_problem(call(ana, "POST", "/targets/staging/lift", why), 409, "not-held")
    is_problem(call(ana, "POST", "/targets/staging/hold", {"reason": ""}), 422, "does-not-fit")


def test_a_backup_is_asked_for_once(call: Any, target: TargetDatabase, ana: User) -> None:
    first = call(ana, "POST", "/targets/staging/backup", {"restore_too": True})
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert call(ana, "POST", "/targets/staging/backup").json()["id"] == first.json()["id"]
    assert Backup.objects.get().restore_too is True
    [told] = call(ana, "GET", "/targets/staging").json()["backups"]
    assert told["id"] == first.json()["id"]


@pytest.mark.parametrize("verb", ["test", "hold", "lift", "backup"])
def test_who_may_only_look_changes_nothing_and_neither_does_another_environments_token(
    call: Any, target: TargetDatabase, production: Environment, vic: User, ana: User, verb: str
) -> None:
    path, body = f"/targets/staging/{verb}", {"reason": "r"}
    is_problem(call(vic, "POST", path, body), 403, "not-permitted")
    TargetDatabase.objects.update(environment=production)
    is_problem(call(ana, "POST", path, body), 409, "other-environment")
    for written in (Hold, Backup, TargetReport):
        assert not written.objects.exists()


def test_scripts_are_listed_and_one_by_name_comes_with_its_findings(
    call: Any, release: Release, target: TargetDatabase, vic: User, cleo: User
) -> None:
    for place, text in enumerate(("CREATE TABLE a (n int PRIMARY KEY);", "DROP TABLE b;", "")):
        MigrationScript.objects.create(
            release=release, name=f"{place}.sql", position=place, text=text
        )
    listed = call(vic, "GET", "/scripts?release=universe-v2").json()
    assert [(one["name"], one["awaits_file"], one["findings"]) for one in listed] == [
        ("0.sql", False, None),
        ("1.sql", False, None),
        ("2.sql", True, None),
    ]
    [one] = call(vic, "GET", "/scripts?release=universe-v2&name=1.sql&target=staging").json()
    found = {(each["rule"], each["line"], each["blocks"]) for each in one["findings"]}
    assert ("drop-destroys-data", 1, True) in found
    is_problem(call(cleo, "GET", "/scripts?release=universe-v2"), 403, "not-permitted")
    is_problem(call(vic, "GET", "/scripts?release=universe-v2&name=no.sql"), 404, "not-found")
    is_problem(call(vic, "GET", "/scripts"), 422, "does-not-fit")
