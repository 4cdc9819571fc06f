"""``manage.py settle_run RUN --done|--not-done --reason R``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from migrations_runner import resolving
from migrations_runner.models import MigrationRun
from releasecontrol import target_urls
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Say whether the unfinished statement of a lost run took effect; the run then goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int)
        said = parser.add_mutually_exclusive_group(required=True)
        said.add_argument("--done", action="store_true", help="it took effect: go on behind it")
        said.add_argument("--not-done", action="store_true", help="it did not: do it again")
        parser.add_argument("--reason", required=True, help="how you know")

    def handle(self, *_args: Any, **options: Any) -> None:
        run = MigrationRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.")
        target_urls.export()
        try:
            resolving.settle(
                run=run,
                done=options["done"],
                actor=Actor.command("settle_run"),
                reason=options["reason"],
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(f"Run {run.pk} goes on as soon as the worker looks again.")
