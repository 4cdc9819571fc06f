"""``manage.py run_smoke_tests RELEASE [--json]``

Exit code 0: all passed; 1: at least one failed, or it was refused; 2: none failed, but at least
one can't be told.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring import smoke
from monitoring.models import SmokeRun
from releasecontrol.runs import finding
from releases.models import Verdict
from releases.refusals import Refused
from releases.timeline import Actor

_FAILED, _CANNOT_TELL = 1, 2


class Command(BaseCommand):
    help = "Send every smoke test of a release, in order, and say what came."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", help="the slug of the release")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            release = finding.release(options["release"])
            done = smoke.run_suite(release=release, actor=Actor.command("run_smoke_tests"))
        except Refused as refused:
            raise CommandError(refused.message, returncode=_FAILED) from None
        if options["json"]:
            tests = [_as_json(run) for run in done]
            self.stdout.write(json.dumps({"release": release.slug, "tests": tests}))
        else:
            for run in done:
                self.stdout.write(f"{run.verdict:<13}{run.smoke_test}: {run.summary}")
        _exit([run.verdict for run in done])


def _as_json(run: SmokeRun) -> dict[str, Any]:
    return {
        "name": run.smoke_test.name,
        "verdict": run.verdict,
        "status": run.status,
        "milliseconds": run.milliseconds,
        "summary": run.summary,
    }


def _exit(verdicts: list[str]) -> None:
    said = f"{smoke.in_words(verdicts)}."
    if Verdict.FAIL in verdicts:
        raise CommandError(said, returncode=_FAILED)
    if Verdict.INCONCLUSIVE in verdicts:
        raise CommandError(said, returncode=_CANNOT_TELL)
