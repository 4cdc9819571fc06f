"""Queueing, following and cancelling in a real Chromium, with a worker at work on a real target."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, expect

from migrations_runner import execution
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releases.models import Release, TargetDatabase
from tests.board.test_in_browser import WCAG, Visitor, chromium, pytestmark
from tests.runs.conftest import MakeScript, QueueRun

__all__ = ["chromium", "pytestmark"]

_WAIT = ("SELECT pg_advisory_lock(77);", "SELECT pg_advisory_unlock(77);")


@pytest.fixture
def worker(scratch_url: str) -> Iterator[None]:
    """Takes what is queued, as a worker process does."""
    done = threading.Event()

    def work() -> None:
        try:
            while not done.wait(0.05):
                for run in MigrationRun.objects.filter(state=RunState.QUEUED):
                    execution.execute(run.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.fixture
def held(scratch_url: str) -> Iterator[psycopg.Connection[Any]]:
    """What the script waits for on the target, until the test lets go."""
    with psycopg.connect(scratch_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(77)")
        yield holder


def test_from_choosing_to_the_end_without_a_reload(
    chromium: Browser,
    live_server: Any,
    release: Release,
    live: TargetDatabase,
    script: MakeScript,
    worker: None,
    held: psycopg.Connection[Any],
    ben: User,
) -> None:
    script("1.sql", "CREATE TABLE a (who text);")
    script("2.sql", "\n".join([*_WAIT, "INSERT INTO a VALUES (:'who');"]))
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go("/releases/universe-v2/runs/queue/")
    page.get_by_label("production").check()
    page.get_by_label("1.sql").check()
    page.get_by_label("2.sql").check()
    page.get_by_label("who", exact=True).fill("O'Hara")
    page.get_by_label("Type production to confirm").fill("production")
    page.get_by_role("button", name="Queue on production").click()
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#run")).to_contain_text("Script 2 of 2 is under way: 2.sql")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    held.execute("SELECT pg_advisory_unlock(77)")
    expect(page.locator("#run")).to_contain_text("2 of 2 scripts applied.")
    expect(page.locator("[data-live-note]")).to_have_count(0)
    last = len(asked)
    page.wait_for_timeout(2500)  # time enough for two more, if it still asked
    assert len(asked) == last, "the page still asks, although the run has ended"
    assert held.execute("SELECT who FROM a").fetchone() == ("O'Hara",)
    assert visitor.complaints == []


def test_a_fold_that_a_person_opened_stays_open_while_the_run_goes_on(
    chromium: Browser,
    live_server: Any,
    queued: QueueRun,
    worker: None,
    held: psycopg.Connection[Any],
    ben: User,
) -> None:
    run = queued("CREATE TABLE a (n int);", "\n".join(_WAIT), "SELECT 3;")
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go(f"/runs/{run.pk}/")
    expect(page.locator("#run")).to_contain_text("Script 2 of 3 is under way")
    first = page.locator("details.script").first
    first.locator("summary").click()
    expect(first).to_contain_text("CREATE TABLE a")
    held.execute("SELECT pg_advisory_unlock(77)")
    expect(page.locator("#run")).to_contain_text("3 of 3 scripts applied.")
    assert first.get_attribute("open") is not None
    assert visitor.complaints == []


def test_cancelling_is_two_clicks_and_rolls_back(
    chromium: Browser,
    live_server: Any,
    queued: QueueRun,
    worker: None,
    held: psycopg.Connection[Any],
    ben: User,
) -> None:
    run = queued("\n".join(["CREATE TABLE a (n int);", *_WAIT]), "CREATE TABLE b (n int);")
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go(f"/runs/{run.pk}/")
    expect(page.locator("#run")).to_contain_text("Script 1 of 2 is under way")
    page.get_by_role("link", name="Cancel this run…").click()
    page.get_by_role("button", name=f"Cancel run {run.pk}").click()
    expect(page.locator("#run")).to_contain_text("Cancelled by Ben Bauer.")
    expect(page.locator("#run")).to_contain_text("2.sql")
    assert held.execute("SELECT to_regclass('a')").fetchone() == (None,)
    assert visitor.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_the_screen_and_everybody_can_use_them(
    scheme: str,
    width: int,
    chromium: Browser,
    live_server: Any,
    release: Release,
    target: TargetDatabase,
    queued: QueueRun,
    script: MakeScript,
    scratch_url: str,
    ben: User,
) -> None:
    run = queued("SELECT 1;", "SELECT no_such_column;")
    execution.execute(run.pk)
    last = script("waiting.sql", "")
    chosen = script("values.sql", "DELETE FROM a WHERE b = :'some_quite_long_name_of_a_variable'")
    screen = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    visitor = Visitor(chromium, live_server, ben, **screen)
    pages = (
        "/releases/universe-v2/runs/",
        f"/releases/universe-v2/runs/queue/?target=staging&script={chosen.pk}&script={last.pk}",
        f"/runs/{run.pk}/",
        f"/runs/{run.pk}/cancel/",
        "/releases/universe-v2/smoke/",
    )
    for address in pages:
        page = visitor.go(address)
        assert visitor.complaints == [], address
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], address
        visitor.complaints.clear()  # the checker itself puts styles into the page
