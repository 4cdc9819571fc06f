"""``manage.py take_backup TARGET [--restore] [--wait]``

Exit code 0: queued (with ``--wait``: taken and verified); 1: refused or failed; 2: the time to wait
is over, the backup goes on.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from migrations_runner.backup import verbs
from migrations_runner.models import Backup
from migrations_runner.states import BackupState
from releasecontrol.runs import finding
from releases.refusals import Refused
from releases.timeline import Actor

_FAILED, _CANNOT_TELL = 1, 2
_EVERY_SECONDS = 0.2


class Command(BaseCommand):
    help = "Take a verified dump of a target database; a worker does it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", help="such as production")
        parser.add_argument("--restore", action="store_true", help="restore it elsewhere, too")
        parser.add_argument("--wait", action="store_true", help="until it has ended")
        parser.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            backup = verbs.request(
                target=finding.target(options["target"]),
                actor=Actor.command("take_backup"),
                restore_too=options["restore"],
            )
        except Refused as refused:
            raise CommandError(refused.message, returncode=_FAILED) from None
        if options["wait"]:
            _wait(backup, options["timeout"])
        self.stdout.write(f"{backup}: {backup.get_state_display()}. {backup.path}".strip())


def _wait(backup: Backup, seconds: float) -> None:
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while backup.state in verbs.WAITING:
        if time.monotonic() > deadline:
            state = backup.get_state_display().lower()
            raise CommandError(f"{backup} is {state} still.", returncode=_CANNOT_TELL)
        pause.wait(_EVERY_SECONDS)
        backup.refresh_from_db()
    if backup.state != BackupState.VERIFIED:
        raise CommandError(f"{backup} failed. {backup.error}", returncode=_FAILED)
