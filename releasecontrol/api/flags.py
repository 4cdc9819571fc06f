"""Flags and dials over the API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from flags.changing import rollout
from flags.changing.lookup import find_environment, find_flag
from flags.core.percent import parse_percent
from flags.models import FlagState
from releasecontrol.api.auth import caller

router = Router(tags=["flags"])


class DialOut(Schema):
    flag: str
    environment: str
    percent: str
    enabled: bool
    killed: bool


class DialIn(Schema):
    environment: str
    to: str = Field(description="A percentage such as 10 or 12.5")
    reason: str = Field(max_length=500)


class KillIn(Schema):
    environment: str
    reason: str = Field(max_length=500)


@router.get("/flags/{key}", response=list[DialOut])
def one_flag(request: HttpRequest, key: str) -> Any:
    """The dial of a flag in each environment."""
    caller(request).require("flags.view_flag")
    states = find_flag(key).states.select_related("flag", "environment")
    return [_out(state) for state in states]


@router.post("/flags/{key}/dial", response=DialOut)
def turn_dial(request: HttpRequest, key: str, body: DialIn) -> Any:
    turned = rollout.turn_dial(
        flag=find_flag(key),
        environment=find_environment(body.environment),
        to=parse_percent(body.to),
        reason=body.reason,
        actor=caller(request, environment=body.environment),
    )
    return _out(turned.state)


@router.post("/flags/{key}/kill", response=DialOut)
def kill(request: HttpRequest, key: str, body: KillIn) -> Any:
    """Dial to 0 % now. Asks no gate; a second kill changes nothing."""
    turned = rollout.kill(
        flag=find_flag(key),
        environment=find_environment(body.environment),
        reason=body.reason,
        actor=caller(request, environment=body.environment),
    )
    return _out(turned.state)


@router.post("/flags/{key}/rearm", response=DialOut)
def rearm(request: HttpRequest, key: str, body: KillIn) -> Any:
    turned = rollout.rearm(
        flag=find_flag(key),
        environment=find_environment(body.environment),
        reason=body.reason,
        actor=caller(request, environment=body.environment),
    )
    return _out(turned.state)


def _out(state: FlagState) -> DialOut:
    return DialOut(
        flag=state.flag.key,
        environment=state.environment.slug,
        percent=state.percent,
        enabled=state.enabled,
        killed=state.killed_at is not None,
    )
