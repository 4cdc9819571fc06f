"""API tokens: shown once, stored as a digest, one environment and one scope each."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from releases import timeline
from releases.models import ApiToken, Environment
from releases.refusals import Refused
from releases.timeline import Actor

#: Every process that answers with tokens listens here (see flags/serving/ruleset.py).
CHANNEL = "ruleset"


class AlreadyRevoked(Refused):
    """This token was revoked before; nothing was changed."""


def digest(plain: str) -> str:
    """SHA-256 of a token. Tokens are 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def issue(
    *,
    environment: Environment,
    scope: str,
    name: str,
    actor: Actor,
    user: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; the second value is its text, which nobody can read again."""
    actor.require("releases.add_apitoken")
    plain = f"rc_{environment.slug}_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        name=name,
        environment=environment,
        scope=scope,
        digest=digest(plain),
        hint=plain[: len(environment.slug) + 8],
        user=user,
        expires_at=expires_at,
    )
    token.full_clean()
    token.save(force_insert=True)
    timeline.record(
        actor=actor,
        verb="token.issue",
        subject=token,
        environment=environment,
        data={"scope": scope},
    )
    _tell_readers()
    return token, plain


@transaction.atomic
def revoke(*, token: ApiToken, actor: Actor) -> None:
    """Make a token useless at once."""
    actor.require("releases.change_apitoken")
    claimed = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now())
    if claimed != 1:
        raise AlreadyRevoked
    timeline.record(actor=actor, verb="token.revoke", subject=token, environment=token.environment)
    _tell_readers()


def verify(plain: str, *, scope: str) -> ApiToken | None:
    """The live token of this text and scope, else None. One query; not for the hot path."""
    return (
        ApiToken.objects.select_related("environment", "user")
        .filter(digest=digest(plain), scope=scope, revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
        .first()
    )


def _tell_readers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, 'tokens')", [CHANNEL])
