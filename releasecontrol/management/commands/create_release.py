"""``manage.py create_release SLUG --title T [--template cutover|blank]``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from checklists.templates import TEMPLATES
from releasecontrol.plan.blank import create
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Make a release without a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--title", required=True)
        parser.add_argument("--template", default="blank", choices=TEMPLATES)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            release = create(
                slug=options["slug"],
                title=options["title"],
                template=options["template"],
                actor=Actor.command("create_release"),
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(f"Created {release.title} ({release.slug}), a draft.")
