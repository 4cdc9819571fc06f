"""``manage.py load_example``"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from releasecontrol.examples.load import load
from releases.refusals import Refused


class Command(BaseCommand):
    help = "Make the example installation: people, worlds, a release. May be called again."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            release = load()
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(
            f"The example is ready: {release.title} ({release.slug});"
            f" logins are in {settings.VAR_DIR / 'example-logins.json'}."
        )
