"""``manage.py turn_dial FLAG --environment E --to PERCENT --reason R``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.changing import rollout
from flags.changing.lookup import find_environment, find_flag
from flags.core.percent import format_percent, parse_percent
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Expose a percentage of the users to a flag (100 is everyone, 0 is nobody)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flag", help="the key of the flag")
        parser.add_argument("--environment", required=True, help="such as staging")
        parser.add_argument("--to", required=True, metavar="PERCENT", help="such as 10 or 12.5")
        parser.add_argument("--reason", required=True, help="why; it goes on the timeline")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            turned = rollout.turn_dial(
                flag=find_flag(options["flag"]),
                environment=find_environment(options["environment"]),
                to=parse_percent(options["to"]),
                reason=options["reason"],
                actor=Actor.command("turn_dial"),
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        before, after = format_percent(turned.before), format_percent(turned.after)
        said = f"from {before} % to {after} %" if turned.changed else f"stays at {after} %"
        self.stdout.write(f"{turned.state.flag} on {options['environment']}: {said}.")
