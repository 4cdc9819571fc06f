"""Flags as documents, overrides, segments and the archive over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from flags.changing.publishing import published
from flags.models import Flag, FlagState, Segment
from releases.models import Environment
from tests.api.conftest import is_problem
from tests.flags.conftest import make_flag

WHERE = "/flags/x/environments/staging"
GERMANS = {"attribute": "country", "operator": "in", "values": ["DE"]}


@pytest.fixture
def flag(staging: Environment, production: Environment) -> Flag:
    return make_flag("x", staging, production)


def test_flags_are_listed_a_page_at_a_time_at_the_same_cost(
    call: Any, staging: Environment, ana: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(103):
        make_flag(f"flag-{number:03}", staging)
    call(ana, "GET", "/flags")
    with django_assert_max_num_queries(8):
        first = call(ana, "GET", "/flags").json()
    assert (len(first["flags"]), first["next"]) == (100, "flag-099")
    rest = call(ana, "GET", f"/flags?after={first['next']}").json()
    assert ([one["key"] for one in rest["flags"]], rest["next"]) == (
        ["flag-100", "flag-101", "flag-102"],
        None,
    )
    assert first["flags"][0]["percent"] == {"staging": "0"}


def test_a_flag_is_made_with_its_variants(call: Any, staging: Environment, ana: User) -> None:
    variants = [
        {"name": "a", "value": "A", "weight": 1000},
        {"name": "off", "value": "", "is_off": True},
    ]
    given = {"key": "theme", "name": "Theme", "kind": "string", "tags": ["ui"]}
    made = call(ana, "POST", "/flags", {**given, "variants": variants}).json()
    assert (made["kind"], made["tags"], made["percent"]) == ("string", ["ui"], {"staging": "0"})
    assert published(staging, "theme") is not None
    assert len(call(ana, "GET", "/flags?tag=ui").json()["flags"]) == 1
    is_problem(call(ana, "POST", "/flags", given), 409, "flag-exists")
    for odd in ({"key": "no good"}, {"key": "b", "kind": "colour"}, {"key": "c", "kind": "json"}):
        answer = call(ana, "POST", "/flags", {**given, **odd})
        assert answer.status_code in {409, 422}
    assert Flag.objects.count() == 1


def test_a_document_is_read_changed_and_written(
    call: Any, flag: Flag, staging: Environment, ana: User
) -> None:
    read = call(ana, "GET", WHERE).json()
    rule = {"name": "r", "conditions": [GERMANS], "segments": [], "percentage": 100_000}
    document = {**read["document"], "dial": 12_345, "rules": [{**rule, "variant": "on"}]}
    given = {"document": document, "known": read["known"], "reason": "testers"}
    told = call(ana, "PUT", WHERE, given).json()
    assert told["differences"][0] == "Dial: 0 % → 12.345 %."
    assert FlagState.objects.get(flag=flag, environment=staging).dial == 12_345
    is_problem(call(ana, "PUT", WHERE, given), 409, "changed-since")
    unreasoned = {**given, "known": "", "reason": ""}
    is_problem(call(ana, "PUT", WHERE, unreasoned), 409, "reason-missing")
    document["rules"][0]["variant"] = "blue"
    answer = call(ana, "PUT", WHERE, {**given, "known": ""})
    assert "blue" in is_problem(answer, 409, "impossible")["faults"][0]
    for odd in ({}, {**document, "dial": "x"}, {**document, "key": "y"}):
        answer = call(ana, "PUT", WHERE, {**given, "document": odd})
        is_problem(answer, 409, "unknown-document")


def test_an_override_comes_and_goes(call: Any, flag: Flag, ana: User, vic: User) -> None:
    given = {"key": "ana", "variant": "on", "until": "2099-01-01T00:00:00Z", "reason": "x"}
    told = call(ana, "POST", f"{WHERE}/overrides", given).json()
    assert told["differences"] == ["Override of ana added: on until 2099-01-01 00:00 UTC."]
    assert call(ana, "POST", f"{WHERE}/overrides/lift", given).json()["differences"]
    is_problem(call(ana, "POST", f"{WHERE}/overrides/lift", given), 409, "no-such-override")
    zoneless = {**given, "until": "2099-01-01T00:00:00"}
    is_problem(call(ana, "POST", f"{WHERE}/overrides", zoneless), 422, "does-not-fit")
    is_problem(call(vic, "POST", f"{WHERE}/overrides", given), 403, "not-permitted")
    elsewhere = f"{WHERE.replace('staging', 'production')}/overrides"
    is_problem(call(ana, "POST", elsewhere, given), 409, "other-environment")


def test_a_segment_is_written_and_archived(call: Any, staging: Environment, ana: User) -> None:
    given = {"name": "Germany", "conditions": [GERMANS], "reason": "x"}
    made = call(ana, "PUT", "/segments/germany", given).json()
    assert made["conditions"][0]["values"] == ["DE"]
    assert call(ana, "GET", "/segments").json() == [made]
    odd = {**given, "conditions": [{**GERMANS, "operator": "semver_gt"}]}
    assert is_problem(call(ana, "PUT", "/segments/odd", odd), 409, "segment-faulty")["faults"]
    for condition in ({}, {**GERMANS, "operator": "like"}, {**GERMANS, "values": "DE"}):
        answer = call(ana, "PUT", "/segments/odd", {**given, "conditions": [condition]})
        is_problem(answer, 409, "unknown-document")
    assert call(ana, "POST", "/segments/germany/archive", {"reason": "x"}).json()["archived"]
    assert Segment.objects.count() == 1


def test_a_flag_is_archived_and_restored(call: Any, flag: Flag, ana: User) -> None:
    call(ana, "POST", f"{WHERE}/overrides", {"key": "a", "variant": "on", "reason": "x"})
    answer = call(ana, "POST", "/flags/x/archive", {"reason": "done"})
    is_problem(answer, 409, "still-exposed")
    gone = call(ana, "POST", "/flags/x/archive", {"reason": "done", "confirmed": True}).json()
    assert gone["archived"]
    assert call(ana, "POST", "/flags/x/restore", {"reason": "back"}).json()["archived"] is False
