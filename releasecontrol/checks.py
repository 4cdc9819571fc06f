"""System checks: a wrong combination of settings stops the start, with an id and a hint."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}


@register(Tags.security)
def example_stays_on_loopback(**_kwargs: Any) -> list[CheckMessage]:
    """The example shows its own logins, so it must not be reachable from elsewhere."""
    if not settings.EXAMPLE or set(settings.ALLOWED_HOSTS) <= _LOOPBACK:
        return []
    return [
        Error(
            "EXAMPLE=true shows logins to everybody, but ALLOWED_HOSTS names other hosts.",
            hint="Set EXAMPLE=false, or leave ALLOWED_HOSTS at the loopback addresses.",
            id="releasecontrol.E010",
        )
    ]


@register()
def a_sentry_dsn_is_an_address(**_kwargs: Any) -> list[CheckMessage]:
    dsn = settings.SENTRY_DSN
    parts = urlsplit(dsn)
    if not dsn or (parts.scheme in {"http", "https"} and parts.username and parts.hostname):
        return []
    return [
        Error(
            "SENTRY_DSN is not a Sentry address.",
            hint="Copy it from the project's Client Keys page: https://key@host/project.",
            id="releasecontrol.E011",
        )
    ]


@register(Tags.security, deploy=True)
def production_has_its_own_database(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.EMBEDDED:
        return []
    return [
        Warning(
            "The embedded PostgreSQL is for trying and developing, not for production.",
            hint="Set DATABASE_URL to a server with backups.",
            id="releasecontrol.W012",
        )
    ]
