"""``manage.py export_flags --environment E [--format json|dotenv]``"""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.changing.lookup import find_environment
from flags.changing.transfer import export
from flags.core.specs import flag_from
from flags.lifecycle.baked import PREFIX, dotenv
from releases.refusals import Refused


class Command(BaseCommand):
    help = "Print the flags of an environment: as our JSON, or as build-time variables."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flags", nargs="*", help="keys; none: all of them")
        parser.add_argument("--environment", required=True, help="such as production")
        parser.add_argument("--format", choices=("json", "dotenv"), default="json")
        parser.add_argument("--prefix", default=PREFIX, help="of variables; VITE_ unless told")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            environment = find_environment(options["environment"])
        except Refused as refused:
            raise CommandError(refused.message, returncode=2) from None
        content = export(environment, options["flags"] or None)
        if missing := sorted(set(options["flags"]) - {one["key"] for one in content["flags"]}):
            raise CommandError(f"No flag {', '.join(missing)} on {environment}.", returncode=2)
        if options["format"] == "json":
            self.stdout.write(json.dumps(content, indent=2, ensure_ascii=False))
            return
        text = dotenv(
            map(flag_from, content["flags"]),
            environment=environment.slug,
            revision=content["revision"],
            prefix=options["prefix"],
        )
        self.stdout.write(text, ending="")
