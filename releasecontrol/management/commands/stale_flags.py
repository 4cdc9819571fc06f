"""``manage.py stale_flags``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.lifecycle import stale


class Command(BaseCommand):
    help = "List flags that should go, with the reasons; --check exits with 1 if there are any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = stale.report()
        for one in found:
            self.stdout.write(f"{one.flag.key}: {' '.join(one.why)}")
        if not found:
            self.stdout.write("No flag is stale.")
        if found and options["check"]:
            raise CommandError(f"{len(found)} flags should go.")
