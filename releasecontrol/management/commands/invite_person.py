"""``manage.py invite_person USERNAME --role R [--name N] [--email E]``"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from releasecontrol import people
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Invite a colleague. The last line of the output is the link to hand on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", required=True, choices=people.ROLES)
        parser.add_argument("--name", default="", help="as it is shown to others")
        parser.add_argument("--email", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            user, path = people.invite(
                username=options["username"],
                name=options["name"],
                email=options["email"],
                role=options["role"],
                actor=Actor.command("invite_person"),
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        except ValidationError as wrong:
            raise CommandError(" ".join(wrong.messages)) from None
        self.stdout.write(f"{user.get_full_name() or user} sets a password on this page, once:")
        self.stdout.write(f"{settings.BASE_URL}{path}")
