"""``manage.py kill_flag FLAG --environment E --reason R``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.changing import rollout
from flags.changing.lookup import find_environment, find_flag
from flags.core.percent import format_percent
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Set a flag's dial to 0 % at once and keep it there until a person re-arms it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flag", help="the key of the flag")
        parser.add_argument("--environment", required=True, help="such as production")
        parser.add_argument("--reason", required=True, help="why; it goes on the timeline")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            turned = rollout.kill(
                flag=find_flag(options["flag"]),
                environment=find_environment(options["environment"]),
                reason=options["reason"],
                actor=Actor.command("kill_flag"),
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        was = format_percent(turned.before)
        said = f"killed; it was at {was} %" if turned.changed else "was killed already"
        self.stdout.write(f"{turned.state.flag} on {options['environment']}: {said}.")
