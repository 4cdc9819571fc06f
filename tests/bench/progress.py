"""How long until somebody who looks at a run's page sees that a statement has begun.

A real worker runs statements that last a while and note when they began, by the target's clock.
Meanwhile this process asks for the live part of the run's page as often as the page itself does,
and notes when each statement was shown as begun first.
"""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path

import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import RUN
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests import databases
from tests.bench.frame import Result
from tests.bench.scripts import OURS, copy, worker

STATEMENTS, SECONDS = 20, 0.37  # no multiple of the page's own beat
GOAL = 1.0
_PAGE = Path(__file__).resolve().parents[2] / "templates" / "runs" / "run.html"
_BEGUN = re.compile(r"<td><span class=\"badge[^>]*>(?:Running|Applied)<")


def run() -> list[Result]:
    copy(OURS, None)
    with psycopg.connect(databases.url_of(OURS), autocommit=True) as target:
        target.execute("CREATE TABLE moments (id int PRIMARY KEY, began timestamptz NOT NULL)")
        with worker():
            seen = watched(_queued())
        found = target.execute("SELECT extract(epoch FROM began)::float8 FROM moments ORDER BY id")
        began = [float(str(row[0])) for row in found]
    late = [shown - then for shown, then in zip(seen, began, strict=True)]
    return [
        Result(
            bench="a statement begins, until the run's page shows it",
            value=round(max(late), 3),
            unit="s",
            versus=f"median {statistics.median(late):.3f} s of {len(late)}",
            ratio=None,
            goal=f"< {GOAL:.0f} s, the slowest of them",
            holds=max(late) < GOAL,
        )
    ]


def watched(run: MigrationRun) -> list[float]:
    """By this machine's clock, when each statement was on the page first."""
    settings.ALLOWED_HOSTS.append("testserver")
    browser = Client()
    browser.force_login(User.objects.create_superuser("bench"))
    page = reverse("run-progress", args=[run.pk])
    seen: list[float] = []
    deadline = time.monotonic() + 60 + STATEMENTS * SECONDS
    while len(seen) < STATEMENTS and time.monotonic() < deadline:
        time.sleep(page_beat())
        begun = len(_BEGUN.findall(browser.get(page).content.decode()))
        seen += [time.time()] * (begun - len(seen))
    while run.state not in RUN.final and time.monotonic() < deadline:
        time.sleep(page_beat())
        run.refresh_from_db()
    if len(seen) < STATEMENTS:
        raise RuntimeError(f"{run}: {run.state} {run.error}, and {len(seen)} statements shown")
    return seen


def page_beat() -> float:
    """Seconds between two looks of the page, as its own template has it."""
    found = re.search(r'hx-trigger="every (\d+)ms"', _PAGE.read_text())
    if found is None:
        raise RuntimeError("the run's page does not say how often it looks")
    return int(found[1]) / 1000


def _queued() -> MigrationRun:
    one = "INSERT INTO moments SELECT {}, statement_timestamp() FROM pg_sleep({});"
    text = "\n".join(one.format(n, SECONDS) for n in range(STATEMENTS))
    environment = Environment.objects.create(slug="progress", name="Progress")
    target = TargetDatabase.objects.create(
        name="progress", environment=environment, url_variable="TARGET_BENCH_URL"
    )
    release = Release.objects.create(slug="progress", title="Progress")
    script = MigrationScript.objects.create(release=release, name="slow.sql", text=text)
    return runs.queue(scripts=[script], target=target, variables={}, actor=Actor.command("bench"))
