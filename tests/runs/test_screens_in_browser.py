"""Scripts, rehearsals, approval, targets and a pause in a real Chromium, on a real target."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from playwright.sync_api import Browser, Page, expect

from migrations_runner import execution, runs, target_looks
from migrations_runner.models import MigrationRun, Rehearsal, TargetReport
from migrations_runner.rehearsal import rehearse
from migrations_runner.states import RehearsalState, RunState
from releases.models import Release, TargetDatabase
from releases.timeline import Actor
from tests.board.test_in_browser import WCAG, Visitor, chromium, pytestmark
from tests.runs.conftest import MakeScript

__all__ = ["chromium", "pytestmark"]

#: Somebody who wants to see the screens names a folder.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
_LONG = 20_000
_WAIT = "SELECT pg_advisory_xact_lock(77);"
_BEFORE = "CREATE TABLE projects (id int PRIMARY KEY, title text);"
_TEXTS = (
    """-- Projects get a number.
ALTER TABLE projects ADD COLUMN number bigint;
CREATE TABLE universes (id int PRIMARY KEY);
""",
    """ALTER TABLE projects
  ADD COLUMN universe_id int REFERENCES universes (id);
CREATE INDEX projects_universe ON projects (universe_id);
UPDATE projects SET number = id WHERE id > 0;
""",
)


@pytest.fixture
def worker(scratch_url: str) -> Iterator[None]:
    """Takes what waits, as a worker process does: rehearsals, looks and runs."""
    done = threading.Event()

    def take() -> None:
        for waiting in Rehearsal.objects.filter(state=RehearsalState.QUEUED):
            rehearse.rehearse(waiting.pk)
        for report in TargetReport.objects.filter(asked_at__isnull=False, at=None):
            target_looks.look(report.target_id)
        for run in MigrationRun.objects.filter(state=RunState.QUEUED):
            execution.execute(run.pk)

    def work() -> None:
        try:
            while not done.wait(0.05):
                take()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    done.set()
    # A test that failed may have left a run that rests.
    MigrationRun.objects.update(cancel_requested_at=Now(), cancel_requested_by="test")
    thread.join()


@pytest.fixture
def guarded(live: TargetDatabase, scratch_url: str) -> TargetDatabase:
    """Production: another person has to approve."""
    live.environment.approvals_needed = 1
    live.environment.save()
    with psycopg.connect(scratch_url, autocommit=True) as seeding:
        seeding.execute(_BEFORE.encode())
        seeding.execute("INSERT INTO projects SELECT n, 'A' FROM generate_series(1, 500) AS n")
    return live


@pytest.fixture
def asked(guarded: TargetDatabase, script: MakeScript, ana: User, ben: User) -> MigrationRun:
    """Ana has asked for a run of two scripts; Ben could approve it."""
    texts = [script(f"{place}.sql", text) for place, text in enumerate(_TEXTS, 1)]
    return runs.queue(scripts=texts, target=guarded, variables={}, actor=Actor.person(ana))


def usable(visitor: Visitor, name: str) -> None:
    """No complaint, nothing wider than the screen, nothing that axe finds."""
    page = visitor.page
    assert visitor.complaints == [], name
    if SCREENSHOTS:
        width = page.evaluate("window.innerWidth")
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], name
    visitor.complaints.clear()  # the checker itself puts styles into the page


def test_a_run_is_approved_with_its_rehearsal_in_view_and_its_author_only_watches(
    chromium: Browser,
    live_server: Any,
    asked: MigrationRun,
    worker: None,
    ana: User,
    ben: User,
) -> None:
    author = Visitor(chromium, live_server, ana)
    watching = author.go(f"/runs/{asked.pk}/")
    run = watching.locator("#run")
    expect(run).to_contain_text("1 more person has to approve it, not Ana Almeida.")
    expect(run).to_contain_text("Ben Bauer could.")
    expect(run).to_contain_text("Passed", timeout=_LONG)
    assert run.get_by_role("link", name="Look and approve…").count() == 0
    usable(author, "waits-author")

    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go(f"/runs/{asked.pk}/")
    usable(visitor, "waits-approver")
    page.get_by_role("link", name="What it did on a clone").click()
    expect(page.locator("svg .lock").first).to_be_attached()
    expect(page.locator("figure.locks").last).to_contain_text("ACCESS EXCLUSIVE public.projects")
    usable(visitor, "rehearsal")
    page.go_back()
    page.get_by_role("link", name="Look and approve…").click()
    expect(page.get_by_role("region", name="Statements of 2.sql")).to_contain_text("CREATE INDEX")
    usable(visitor, "approve")
    page.get_by_label("Note (optional)").fill("short locks")
    page.get_by_role("button", name=f"Approve run {asked.pk} on production").click()
    expect(page.locator("#run")).to_contain_text("2 of 2 scripts applied.", timeout=_LONG)
    expect(page.locator("#run")).to_contain_text("Ben Bauer: short locks")
    expect(run).to_contain_text("2 of 2 scripts applied.")  # nobody reloaded Ana's page
    usable(visitor, "done")
    assert author.complaints == []


def test_a_run_rests_and_goes_on(
    chromium: Browser,
    live_server: Any,
    release: Release,
    target: TargetDatabase,
    script: MakeScript,
    worker: None,
    scratch_url: str,
    ben: User,
) -> None:
    texts = [
        script("1.sql", "CREATE TABLE a (n int PRIMARY KEY);"),
        script("2.sql", f"{_WAIT}\nCREATE TABLE b (n int PRIMARY KEY);"),
    ]
    with psycopg.connect(scratch_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(77)")
        asked = runs.queue(scripts=texts, target=target, variables={}, actor=Actor.command("test"))
        visitor = Visitor(chromium, live_server, ben)
        page = visitor.go(f"/runs/{asked.pk}/")
        run = page.locator("#run")
        expect(run).to_contain_text("Script 2 of 2 is under way: 2.sql", timeout=_LONG)
        page.get_by_role("button", name="Pause").click()
        expect(run).to_contain_text("Rests, as Ben Bauer asked")
        usable(visitor, "rests")
    page.get_by_role("button", name="Go on").click()
    expect(run).to_contain_text("2 of 2 scripts applied.", timeout=_LONG)
    assert visitor.complaints == []


def test_a_script_is_written_with_numbers_and_findings_and_let_stand_with_a_reason(
    chromium: Browser, live_server: Any, release: Release, script: MakeScript, ben: User
) -> None:
    kept = script("1.sql", "CREATE TABLE a (n int PRIMARY KEY);\n")
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go(f"/scripts/{kept.pk}/")
    expect(page.locator(".code-line")).to_have_count(2)
    page.get_by_role("link", name="Edit").click()
    editor = page.get_by_label("SQL", exact=True)
    editor.fill("SELECT 1;\n\nDROP TABLE projects;\n")
    expect(page.locator(".numbered > pre")).to_contain_text("4")
    page.get_by_role("button", name="Check without saving").click()
    expect(page.locator("#found")).to_contain_text("drop-destroys-data")
    usable(visitor, "edit")
    page.get_by_role("button", name="Save", exact=True).click()
    note = page.locator("#L3 + .code-note")
    expect(note).to_contain_text("drop-destroys-data")
    usable(visitor, "script")
    allow(page, visitor, f"{live_server.url}/scripts/{kept.pk}/")
    assert visitor.complaints == []


def allow(page: Page, visitor: Visitor, address: str) -> None:
    page.goto(address)
    page.get_by_text("Allow it here…").first.click()
    page.get_by_label("Why it is right here").fill("the table was copied")
    page.get_by_role("button", name="Allow", exact=False).first.click()
    expect(page.locator(".code-note")).to_have_count(0)
    expect(page.get_by_text("1 allowed, with a reason")).to_be_visible()
    usable(visitor, "script-allowed")


def test_a_worker_looks_at_a_target_and_the_page_tells_it_by_itself(
    chromium: Browser,
    live_server: Any,
    guarded: TargetDatabase,
    worker: None,
    ben: User,
) -> None:
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go("/targets/production/")
    expect(page.locator("#target-live")).to_contain_text("Never looked")
    page.get_by_role("button", name="Test connection").click()
    seen = page.locator("#target-live")
    expect(seen).to_contain_text("Reached", timeout=_LONG)
    expect(seen).to_contain_text("PostgreSQL")
    page.get_by_label("Why").fill("the disk is nearly full")
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_text("the disk is nearly full", exact=False).first).to_be_visible()
    usable(visitor, "target")
    page.set_viewport_size({"width": 360, "height": 900})
    usable(visitor, "target")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_screens_fit_a_phone(
    scheme: str,
    chromium: Browser,
    live_server: Any,
    asked: MigrationRun,
    release: Release,
    ben: User,
) -> None:
    rehearse.rehearse(asked.rehearsals.get().pk)
    blocked = release.scripts.create(name="drop.sql", text="DROP TABLE projects;", position=9)
    screen: Any = {"color_scheme": scheme, "viewport": {"width": 360, "height": 900}}
    visitor = Visitor(chromium, live_server, ben, **screen)
    chosen = "&".join(f"script={one.pk}" for one in release.scripts.all())
    addresses = {
        "run": f"/runs/{asked.pk}/",
        "approve": f"/runs/{asked.pk}/approve/",
        "rehearsal": f"/rehearsals/{asked.rehearsals.get().pk}/",
        "script": f"/scripts/{blocked.pk}/",
        "edit": f"/scripts/{blocked.pk}/edit/",
        "target": "/targets/production/",
        "targets": "/targets/",
        "queue": f"/releases/universe-v2/runs/queue/?target=production&{chosen}",
    }
    for name, address in addresses.items():
        visitor.go(address)
        usable(visitor, f"phone-{scheme}-{name}")
