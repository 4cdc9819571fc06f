"""Why a flag answers what it answers, now or at a past moment, over the API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from flags.changing.history import PastAnswer, explained
from flags.changing.lookup import find_environment
from flags.core.percent import format_percent
from releasecontrol.api.auth import caller

router = Router(tags=["flags"])
_ASKED = {"environment", "at", "revision"}


class When(Schema):
    environment: str
    at: datetime | None = Field(None, description="A past moment with its zone; else now")
    revision: int | None = Field(None, ge=1, description="Instead of a moment", le=2**62)


class ExplainIn(When):
    context: dict[str, Any] = Field(default_factory=dict, max_length=100)


@router.get("/flags/{key}/explain", response=dict[str, Any])
def explain_by_query(request: HttpRequest, key: str, when: Query[When]) -> Any:
    """Every other query parameter, such as targetingKey, is an attribute of the context: a text."""
    caller(request).require("flags.view_flag")
    context = {name: value for name, value in request.GET.items() if name not in _ASKED}
    return _told(key, when, context)


@router.post("/flags/{key}/explain", response=dict[str, Any])
def explain(request: HttpRequest, key: str, body: ExplainIn) -> Any:
    """The context as an application would send it."""
    caller(request).require("flags.view_flag")
    return _told(key, body, body.context)


def _told(key: str, when: When, context: dict[str, Any]) -> dict[str, Any]:
    at = when.at.astimezone() if when.at is not None else None
    environment = find_environment(when.environment)
    answer = explained(
        environment=environment, key=key, context=context, at=at, revision=when.revision
    )
    return {"environment": environment.slug, **_document(answer)}


def _document(answer: PastAnswer) -> dict[str, Any]:
    told = asdict(answer.explanation)
    place = told["place"]
    return {
        **told,
        "place": None if place is None else format_percent(place),
        "dial": format_percent(told["dial"]),
        "rules": [_rule(rule) for rule in told["rules"]],
        "moment": answer.moment.isoformat(),
        "revision": answer.revision,
        "stage": answer.stage,
        "set_by": {**asdict(answer.set_by), "at": answer.set_by.at.isoformat()},
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    place = rule["place"]
    percentages = {"place": None if place is None else format_percent(place)}
    return {**rule, **percentages, "percentage": format_percent(rule["percentage"])}
