"""manage.py worker: run the queue's cluster, watch it, and do the periodic jobs."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from releasecontrol import target_urls
from releasecontrol.environment import number
from releasecontrol.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run background work: the queue's cluster, watched, and the periodic jobs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--grace",
            type=float,
            default=number("WORKER_GRACE_SECONDS", default=20),
            help="Seconds that running work gets to finish when the worker is told to stop.",
        )

    def handle(self, *_args: Any, grace: float, **_options: Any) -> None:
        stopping = threading.Event()
        for number_ in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number_, lambda *_: stopping.set())
        target_urls.export()
        supervisor = Supervisor(stale=settings.WORKER_STALE_SECONDS)
        self.stdout.write(f"This is {supervisor.name}.")
        supervisor.run(stopping, grace=grace)
