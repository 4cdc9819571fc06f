"""``manage.py create_token --environment E --scope evaluate|manage``"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from flags.changing.lookup import find_environment
from releasecontrol.world import ensure_environments
from releases import tokens
from releases.models import ApiToken
from releases.refusals import Refused
from releases.timeline import Actor

_MOST_DAYS = 3660


class UnknownPerson(Refused):
    """There is nobody with this user name; no token was made."""


class PersonMissing(Refused):
    """A token that manages acts as a person: name one with --user; no token was made."""


class LifetimeRefused(Refused):
    """A token lasts from 1 to 3660 days; none was made."""


class Command(BaseCommand):
    help = "Make an API token. It is the last line of the output, and can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--environment", required=True, help="such as staging")
        parser.add_argument("--scope", required=True, choices=ApiToken.Scope.values)
        parser.add_argument("--name", help="what it is for")
        parser.add_argument("--user", help="user name of the person it acts as")
        parser.add_argument("--expires-days", type=int, metavar="D")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            token, plain = _issue(options)
        except Refused as refused:
            raise CommandError(refused.message) from None
        except ValidationError as wrong:
            raise CommandError(" ".join(wrong.messages)) from None
        self.stdout.write(
            f"{token.name}: {token.get_scope_display().lower()} on {token.environment}."
        )
        self.stdout.write("Keep it now; only its digest is stored.")
        self.stdout.write(plain)


def _issue(options: dict[str, Any]) -> tuple[ApiToken, str]:
    scope, days = options["scope"], options["expires_days"]
    if scope == ApiToken.Scope.MANAGE and not options["user"]:
        raise PersonMissing
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise LifetimeRefused
    ensure_environments()
    return tokens.issue(
        environment=find_environment(options["environment"]),
        scope=scope,
        name=options["name"] or f"{options['environment']} {scope}",
        actor=Actor.command("create_token"),
        user=_person(options["user"]) if options["user"] else None,
        expires_at=None if days is None else timezone.now() + timedelta(days=days),
    )


def _person(username: str) -> User:
    try:
        return User.objects.get(username=username, is_active=True)
    except User.DoesNotExist:
        raise UnknownPerson(f"Looked for {username}.") from None
