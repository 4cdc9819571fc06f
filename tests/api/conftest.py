from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from releases import tokens
from releases.models import Environment
from releases.timeline import Actor


@pytest.fixture
def call(client: Client, staging: Environment) -> Any:
    """A caller with a token of scope manage for staging: user, method, path, body to response."""
    kept: dict[int, str] = {}

    def send(user: User | None, method: str, path: str, body: Any = None) -> Any:
        headers = {}
        if user is not None:
            if user.pk not in kept:
                kept[user.pk] = tokens.issue(
                    environment=staging,
                    scope="manage",
                    name="test",
                    actor=Actor.command("test"),
                    user=user,
                )[1]
            headers["Authorization"] = f"Bearer {kept[user.pk]}"
        return client.generic(
            method,
            f"/api/v1{path}",
            data=body if isinstance(body, str) else json.dumps(body or {}),
            content_type="application/json",
            headers=headers,
        )

    return send


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].endswith(f":{code}")
    assert body["detail"]
    return body
