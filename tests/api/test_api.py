"""The JSON API: the same verbs, the same refusals, as problem documents."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checklists.models import ChecklistItem
from flags.models import Flag, FlagState
from releases import tokens
from releases.models import Environment, Release
from releases.timeline import Actor
from tests.api.conftest import is_problem


def test_without_a_token_nothing_is_told(call: Any, release: Release) -> None:
    is_problem(call(None, "GET", "/releases"), 401, "no-token")


def test_a_token_of_another_scope_is_none(
    client: Client, release: Release, staging: Environment
) -> None:
    _, plain = tokens.issue(
        environment=staging, scope="evaluate", name="app", actor=Actor.command("test")
    )
    answer = client.get("/api/v1/releases", headers={"Authorization": f"Bearer {plain}"})
    is_problem(answer, 401, "no-token")


def test_a_person_who_left_has_no_token(call: Any, release: Release, ana: User) -> None:
    assert call(ana, "GET", "/releases").status_code == 200
    User.objects.update(is_active=False)
    is_problem(call(ana, "GET", "/releases"), 401, "no-token")


def test_items_are_listed_and_ticked(
    call: Any, items: list[ChecklistItem], ana: User, ben: User
) -> None:
    listed = call(ana, "GET", "/releases/universe-v2/items").json()
    assert [item["text"] for item in listed][:2] == ["Backup created", "Reviewed"]
    ticked = call(ana, "POST", f"/items/{items[0].pk}/tick", {"note": "seen"})
    assert (ticked.status_code, ticked.json()["state"]) == (200, "done")
    again = is_problem(call(ben, "POST", f"/items/{items[0].pk}/tick"), 409, "already-ticked")
    assert "Ana Almeida ticked it" in again["detail"]


def test_a_closed_gate_lists_what_it_waits_for(call: Any, release: Release, ana: User) -> None:
    assert call(ana, "POST", "/releases/universe-v2/move", {"to": "ready"}).status_code == 200
    body = is_problem(
        call(ana, "POST", "/releases/universe-v2/move", {"to": "in_progress"}), 409, "gate-closed"
    )
    assert [one["text"] for one in body["waits_for"]] == [
        "“Backup created” is open",
        "“Reviewed” is open",
    ]


def test_a_role_without_the_verb_is_refused(
    call: Any, items: list[ChecklistItem], cleo: User
) -> None:
    is_problem(call(cleo, "POST", f"/items/{items[0].pk}/tick"), 403, "not-permitted")
    is_problem(call(cleo, "GET", "/releases"), 403, "not-permitted")


@pytest.mark.parametrize(
    ("request_line", "body", "status"),
    [
        ("GET /releases/nothing", None, 404),
        ("POST /items/999999/tick", {}, 404),
        ("POST /releases/universe-v2/move", {"to": 3}, 422),
        ("POST /releases/universe-v2/move", {"to": "moon"}, 409),
        ("POST /releases/universe-v2/move", {}, 422),
        ("POST /releases/universe-v2/move", "{not json", 400),
        ("POST /runs", {"release": "universe-v2", "target": "x", "scripts": []}, 422),
        ("POST /runs", {"release": "universe-v2", "target": "x", "scripts": ["a"]}, 404),
        ("GET /runs/99999999999999999999999", None, 404),
        ("GET /flags/none", None, 409),
        ("POST /releases/universe-v2/move", '{"to": "cancelled", "reason": "a\\u0000b"}', 422),
        ("POST /releases/universe-v2/move", '{"to": "cancelled", "reason": "\\ud800"}', 422),
        ("POST /runs", '{"release": "a\\u0000", "target": "x", "scripts": ["a"]}', 422),
        ("POST /runs", '{"release": "\\ud800", "target": "x", "scripts": ["a"]}', 422),
    ],
)
def test_bad_input_is_a_problem_and_never_a_500(
    call: Any, release: Release, ana: User, request_line: str, body: Any, status: int
) -> None:
    answer = call(ana, *request_line.split(), body)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")


def test_the_openapi_document_is_served(client: Client, db: None) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/runs" in paths


def test_a_token_of_staging_turns_nothing_on_production(
    call: Any, release: Release, production: Environment, ana: User
) -> None:
    flag = Flag.objects.create(key="f", name="F", release=release)
    FlagState.objects.create(flag=flag, environment=production)
    for verb, more in (("dial", {"to": "10"}), ("kill", {}), ("rearm", {})):
        body = {"environment": "production", "reason": "r", **more}
        is_problem(call(ana, "POST", f"/flags/f/{verb}", body), 409, "other-environment")


@pytest.mark.parametrize("path", ["/login/", "/releases/import/"])
def test_a_form_with_a_nul_is_refused_in_words(client: Client, ana: User, path: str) -> None:
    client.force_login(ana)
    answer = client.post(path, {"username": "a\0b", "text": "a\0b"})
    assert answer.status_code == 400
    assert "can’t be stored" in answer.content.decode().replace("&#x27;", "’")
