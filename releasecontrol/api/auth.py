"""Who calls the API: a token of scope `manage` acts as its person, with that person's role."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer

from releases import tokens
from releases.models import ApiToken
from releases.refusals import NotPermitted
from releases.timeline import Actor


class ManageToken(HttpBearer):
    """Answers with the caller's Actor; anything but a live token of a live person is a 401."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:  # noqa: ARG002
        found = tokens.verify(token, scope=ApiToken.Scope.MANAGE)
        if found is None or found.user is None or not found.user.is_active:
            return None
        return Actor.person(found.user)


def caller(request: HttpRequest) -> Actor:
    """The Actor that ManageToken found for this request."""
    actor = getattr(request, "auth", None)
    if not isinstance(actor, Actor):
        raise NotPermitted
    return actor
