"""``manage.py queue_run --target T SCRIPT… [--release S] [--var k=v]… [--wait] [--json]``

With ``--cohort N=FLAG@PERCENT --keys-file F`` the variable N holds the keys that the flag exposes.

Exit code 0: queued (with ``--wait``: succeeded); 1: refused, failed or cancelled; 2: nobody can
tell, because the run is lost or the time to wait is over. The run itself goes on either way.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from migrations_runner import runs
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releasecontrol import cohorts
from releasecontrol.runs import finding, following
from releases.refusals import Refused
from releases.timeline import Actor

_FAILED, _CANNOT_TELL = 1, 2
_WAIT_SECONDS = 600.0
_A_DAY = 86_400.0


class NotAVariable(Refused):
    """A variable is given as name=value; nothing was queued."""


class Command(BaseCommand):
    help = "Queue a run of scripts on a target database; a worker carries it out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "script",
            nargs="+",
            help="the name of a stored script, or a path to a .sql file (./x.sql is always a file)",
        )
        parser.add_argument("--target", required=True, help="such as staging")
        parser.add_argument("--release", metavar="SLUG", help="where a name is not enough")
        parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument(
            "--cohort",
            action="append",
            default=[],
            metavar="NAME=FLAG@PERCENT",
            help="expert: a variable with those keys of --keys-file that the flag exposes",
        )
        parser.add_argument("--keys-file", type=Path, metavar="FILE", help="one key a line")
        parser.add_argument("--wait", action="store_true", help="until the run has ended")
        parser.add_argument("--timeout", type=_seconds, default=_WAIT_SECONDS, metavar="SECONDS")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)  # stderr is for our one line
        try:
            run = _queue(options)
        except Refused as refused:
            self._refuse(refused.message, options)
        except ValidationError as wrong:
            self._refuse(" ".join(wrong.messages), options)
        else:
            known = self._wait(run, options) if options["wait"] else True
            self._tell(run, options["json"])
            _exit(run, known=known)

    def _refuse(self, message: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(following.refusal(message, options["target"])))
        raise CommandError(_one_line(message), returncode=_FAILED)

    def _wait(self, run: MigrationRun, options: dict[str, Any]) -> bool:
        try:
            return following.wait(run, seconds=options["timeout"])
        except KeyboardInterrupt:
            return False

    def _tell(self, run: MigrationRun, as_json: bool) -> None:  # noqa: FBT001
        report = following.report(run)
        if as_json:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        self.stdout.write(f"{run}: {run.get_state_display()}.")
        for script in report["scripts"]:
            self.stdout.write(f"  {script['name']}: {script['state']}")


def _queue(options: dict[str, Any]) -> MigrationRun:
    actor = Actor.command("queue_run")
    target = finding.target(options["target"])
    variables = cohorts.bind(
        _variables(options["var"]),
        options["cohort"],
        options["keys_file"],
        target.environment.slug,
    )
    with transaction.atomic():  # a file is stored only if its run is queued
        scripts = finding.scripts(options["script"], slug=options["release"], actor=actor)
        return runs.queue(scripts=scripts, target=target, variables=variables, actor=actor)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < _A_DAY:
        raise ValueError
    return seconds


def _variables(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise NotAVariable(f"Not so: {name}.")
    return {name: value for name, _, value in pairs}


def _exit(run: MigrationRun, *, known: bool) -> None:
    if not known:
        state = run.get_state_display().lower()
        said = f"{run} is {state}. Waiting is over, the run is not: see it later. {run.next_step}"
        raise CommandError(_one_line(said), returncode=_CANNOT_TELL)
    if run.state in {RunState.FAILED, RunState.CANCELLED}:
        said = f"{run} {run.state}. {run.error} {run.next_step}"
        raise CommandError(_one_line(said), returncode=_FAILED)


def _one_line(text: str) -> str:
    return " ".join(text.split())
