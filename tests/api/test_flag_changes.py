"""Changes of flags that wait, and flags that move, over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction

from flags.changing.publishing import publish
from flags.models import Flag, FlagState, ScheduledChange
from releases.models import Environment
from tests.api.conftest import is_problem
from tests.flags.conftest import make_flag


@pytest.fixture
def flag(staging: Environment, production: Environment) -> Flag:
    return make_flag("x", staging, production)


@pytest.fixture
def people(ana: User, ben: User) -> tuple[User, User]:
    for person in (ana, ben):
        rights = Permission.objects.filter(codename__in=["approve_change", "target_users"])
        person.user_permissions.add(*rights)
    return ana, ben


def turn(call: Any, who: User, to: str, environment: str = "staging") -> Any:
    return call(
        who, "POST", "/flags/x/dial", {"environment": environment, "to": to, "reason": "week 1"}
    )


def dial(environment: Environment) -> int:
    return FlagState.objects.get(flag__key="x", environment=environment).dial


def test_a_change_is_proposed_approved_and_carried_out(
    call: Any, flag: Flag, staging: Environment, people: tuple[User, User]
) -> None:
    ana, ben = people
    Environment.objects.filter(pk=staging.pk).update(flag_approvals_needed=1)
    refused = is_problem(turn(call, ana, "12.345"), 409, "proposed")
    where = f"/proposals/{refused['proposal']}"
    seen = call(ana, "GET", where).json()
    assert (seen["state"], seen["differences"]) == ("waiting", ["Dial: 0 % → 12.345 %."])
    assert call(ana, "GET", "/proposals").json() == [seen]
    is_problem(call(ana, "POST", f"{where}/approve", {}), 409, "own-work")
    is_problem(call(ana, "POST", f"{where}/carry_out"), 409, "not-approved-yet")
    assert call(ben, "POST", f"{where}/approve", {"note": "fine"}).json()["approved_by"] == ["ben"]
    assert call(ana, "POST", f"{where}/carry_out").json()["state"] == "applied"
    assert dial(staging) == 12_345
    is_problem(call(ana, "POST", f"{where}/withdraw"), 409, "not-waiting")
    is_problem(call(ana, "GET", "/proposals/999999"), 404, "not-found")


def test_a_change_is_scheduled_listed_and_cancelled(
    call: Any, flag: Flag, people: tuple[User, User]
) -> None:
    ana, _ = people
    given = {
        "environment": "staging",
        "change": {"verb": "turn_dial", "to": "12.5"},
        "due_at": "2099-01-01T09:00:00Z",
        "reason": "week 2",
    }
    made = call(ana, "POST", "/flags/x/schedule", given).json()
    assert (made["what"], made["state"]) == ("turn the dial to 12.5 %", "waiting")
    assert call(ana, "GET", "/scheduled_changes").json() == [made]
    ended = call(ana, "POST", f"/scheduled_changes/{made['id']}/cancel").json()
    assert ended["state"] == "withdrawn"
    for change in ({"verb": "explode"}, {"verb": "turn_dial", "to": "101"}, {}):
        answer = call(ana, "POST", "/flags/x/schedule", {**given, "change": change})
        assert answer.status_code == 409
    late = {**given, "due_at": "2020-01-01T09:00:00Z"}
    is_problem(call(ana, "POST", "/flags/x/schedule", late), 409, "due-in-the-past")
    zoneless = {**given, "due_at": "2099-01-01T09:00:00"}
    is_problem(call(ana, "POST", "/flags/x/schedule", zoneless), 422, "does-not-fit")
    assert ScheduledChange.objects.count() == 1


def test_a_copy_is_previewed_then_done(
    call: Any, flag: Flag, staging: Environment, production: Environment, people: tuple[User, User]
) -> None:
    ana, _ = people
    FlagState.objects.filter(flag=flag, environment=production).update(dial=25_000)
    with transaction.atomic():
        publish(production, flags=[flag])
    given = {"source": "production", "environment": "staging", "reason": "alike"}
    shown = call(ana, "POST", "/flags/x/copy", given).json()
    assert (shown["differences"], shown["done"]) == (["Dial: 0 % → 25 %."], False)
    assert dial(staging) == 0
    done = call(ana, "POST", "/flags/x/copy", {**given, "content": shown["content"]}).json()
    assert done["done"]
    assert dial(staging) == 25_000
    again = call(ana, "POST", "/flags/x/copy", {**given, "content": shown["content"]})
    is_problem(again, 409, "changed-meanwhile")


def test_a_file_goes_out_and_in(
    call: Any, flag: Flag, staging: Environment, people: tuple[User, User]
) -> None:
    ana, _ = people
    file = call(ana, "GET", "/environments/staging/flags/export").json()
    file["flags"][0]["dial"] = 5000
    where = "/environments/staging/flags/import"
    shown = call(ana, "POST", where, {"file": file}).json()
    assert shown[0]["differences"] == ["Dial: 0 % → 5 %."]
    hashes = {one["flag"]: one["content"] for one in shown}
    call(ana, "POST", where, {"file": file, "hashes": hashes, "reason": "moved"})
    assert dial(staging) == 5000
    file["flags"][0]["rules"] = [
        {"name": "r", "conditions": [], "segments": ["none"], "percentage": 5, "variant": None}
    ]
    shown = call(ana, "POST", where, {"file": file}).json()
    hashes = {one["flag"]: one["content"] for one in shown}
    answer = call(ana, "POST", where, {"file": file, "hashes": hashes, "reason": "moved"})
    assert "none" in is_problem(answer, 409, "impossible")["faults"][0]
    is_problem(call(ana, "POST", where, {"file": {}}), 409, "not-an-export")


def test_a_change_is_tried_on_a_sample(call: Any, flag: Flag, people: tuple[User, User]) -> None:
    ana, _ = people
    made = call(ana, "POST", "/samples", {"name": "some", "text": "a\nb\nc"}).json()
    assert made == {"name": "some", "users": 3, "awaited": False, "error": ""}
    assert call(ana, "GET", "/samples/some").json() == made
    given = {"environment": "staging", "sample": "some", "to": "100"}
    assert call(ana, "POST", "/flags/x/blast_radius", given).json() == {
        "sample": 3,
        "enter": 3,
        "leave": 0,
        "move": 0,
        "inside_before": 0,
        "inside_after": 3,
    }
    answer = call(ana, "POST", "/flags/x/blast_radius", {**given, "sample": "other"})
    is_problem(answer, 409, "no-such-sample")


def test_a_token_of_another_environment_changes_nothing_here(
    call: Any, flag: Flag, people: tuple[User, User]
) -> None:
    ana, _ = people
    given = {"source": "staging", "environment": "production", "reason": "x", "content": "y"}
    is_problem(call(ana, "POST", "/flags/x/copy", given), 409, "other-environment")
    where = "/environments/production/flags/import"
    is_problem(call(ana, "POST", where, {"file": {}}), 409, "other-environment")


def test_a_viewer_changes_nothing(call: Any, flag: Flag, vic: User) -> None:
    given = {"environment": "staging", "change": {"verb": "kill"}, "reason": "x"}
    given["due_at"] = "2099-01-01T09:00:00Z"
    is_problem(call(vic, "POST", "/flags/x/schedule", given), 403, "not-permitted")
    is_problem(call(vic, "POST", "/samples", {"name": "a", "text": "b"}), 403, "not-permitted")


def test_how_far_a_revision_has_come_is_told(call: Any, flag: Flag, vic: User) -> None:
    told = call(vic, "GET", "/environments/staging/propagation").json()
    assert (told["total"], told["reached"], told["stragglers"]) == (0, 0, [])
    assert told["says"] == f"Revision {told['revision']}: no client is there to have it."
    is_problem(call(vic, "GET", "/environments/moon/propagation"), 409, "no-such-environment")
