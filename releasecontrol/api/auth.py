"""Who calls the API: a token of scope `manage` acts as its person, with that person's role."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from ninja.security import HttpBearer

from releases import tokens
from releases.models import ApiToken
from releases.refusals import NotPermitted, Refused
from releases.timeline import Actor


class OtherEnvironment(Refused):
    """This token was issued for another environment; nothing was changed."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and the one environment in which the token may turn and run things."""

    actor: Actor
    environment: str


class ManageToken(HttpBearer):
    """Answers with the Caller; anything but a live token of a live person is a 401."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:  # noqa: ARG002
        found = tokens.verify(token, scope=ApiToken.Scope.MANAGE)
        if found is None or found.user is None or not found.user.is_active:
            return None
        return Caller(Actor.person(found.user), found.environment.slug)


def caller(request: HttpRequest, *, environment: str | None = None) -> Actor:
    """The Actor that ManageToken found for this request.

    With `environment`, raises OtherEnvironment unless the token is of that one: a token for staging
    can't turn production's dial.
    """
    found = getattr(request, "auth", None)
    if not isinstance(found, Caller):
        raise NotPermitted
    if environment is not None and environment != found.environment:
        raise OtherEnvironment(f"It is for {found.environment}, this is {environment}.")
    return found.actor
