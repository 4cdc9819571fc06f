"""The board in a real Chromium: keys, two people, staleness, themes, and not one CSP complaint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect, sync_playwright

from checklists.models import ChecklistItem
from releases.models import Environment, Release
from tests.board import kit

CHROMIUM = os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PASSWORD = "correct horse battery"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}; set CHROMIUM_PATH"
    ),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """A signed-in person at a screen, and what the browser complained about."""

    def __init__(self, browser: Browser, server: Any, person: User, **screen: Any) -> None:
        self.server = server
        self.complaints: list[str] = []
        self.context = browser.new_context(**screen)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.go("/login/")
        self.page.fill("#id_username", person.username)
        self.page.fill("#id_password", PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(lambda address: "/login/" not in address)

    def _listen(self, said: Any) -> None:
        if said.type in {"error", "warning"}:
            self.complaints.append(said.text)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.server.url}{path}")
        return self.page


@pytest.fixture
def world(release: Release, staging: Environment, production: Environment) -> Release:
    kit.add_dial(release, production)
    kit.add_script(release, "010_create.sql")
    kit.add_smoke_test(release, "Health")
    kit.add_guardrail(release, "Error rate > 5%")
    return release


def test_a_tick_and_the_next_open_item_take_one_key_each(
    chromium: Browser, live_server: Any, world: Release, items: list[ChecklistItem], ben: User
) -> None:
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go("/releases/universe-v2/checklist/")
    page.keyboard.press("n")
    expect(page.locator(f"#item-{items[0].pk}")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator(f"#item-{items[0].pk}")).to_contain_text("Ben Bauer ticked it")
    expect(page.locator(f"#item-{items[0].pk}")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator(f"#item-{items[1].pk}")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.locator(f"#item-{items[1].pk}")).to_contain_text("Ben Bauer ticked it")
    expect(page.locator("#tick-head")).to_contain_text("2 of 5")
    page.keyboard.press("k")
    expect(page.locator(f"#item-{items[0].pk}")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#item-{items[1].pk}")).to_be_focused()
    assert visitor.complaints == []


def test_the_panel_opens_by_key_and_a_reason_blocks_the_item(
    chromium: Browser, live_server: Any, world: Release, items: list[ChecklistItem], ben: User
) -> None:
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go("/releases/universe-v2/checklist/")
    page.keyboard.press("n")
    page.keyboard.press("m")
    row = page.locator(f"#item-{items[0].pk}")
    row.get_by_placeholder("Why it can’t go on").fill("No quota, next try at ten")
    row.get_by_role("button", name="Block").click()
    expect(row).to_contain_text("No quota, next try at ten")
    expect(row.locator(".item-panel form")).to_have_count(0)
    assert visitor.complaints == []


def test_another_persons_tick_appears_by_itself_and_ones_own_form_stays(
    chromium: Browser,
    live_server: Any,
    world: Release,
    items: list[ChecklistItem],
    ana: User,
    ben: User,
) -> None:
    visitor = Visitor(chromium, live_server, ana)
    page = visitor.go("/releases/universe-v2/checklist/")
    page.locator(f"#item-{items[1].pk} [data-more]").click()
    note = page.locator(f"#note-{items[1].pk}")
    note.fill("half a sentence")
    kit.tick(items[0], ben)
    kit.tick(items[1], ben)
    expect(page.locator(f"#item-{items[0].pk}")).to_contain_text(
        "Ben Bauer ticked it", timeout=9000
    )
    expect(note).to_have_value("half a sentence")
    assert visitor.complaints == []


def test_a_board_whose_server_is_gone_says_that_it_is_stale(
    chromium: Browser,
    live_server: Any,
    world: Release,
    items: list[ChecklistItem],
    ana: User,
    ben: User,
) -> None:
    visitor = Visitor(chromium, live_server, ana)
    page = visitor.go("/releases/universe-v2/")
    note = page.locator("[data-live-note]")
    expect(note).to_have_text("Live")
    visitor.context.set_offline(True)
    expect(note).to_contain_text("Not live", timeout=15000)
    visitor.context.set_offline(False)
    kit.tick(items[0], ben)
    expect(page.locator(".timeline")).to_contain_text("Ben Bauer ticked", timeout=9000)
    expect(note).to_have_text("Live")


def test_an_act_that_never_arrived_does_not_look_done(
    chromium: Browser, live_server: Any, world: Release, items: list[ChecklistItem], ben: User
) -> None:
    visitor = Visitor(chromium, live_server, ben)
    page = visitor.go("/releases/universe-v2/checklist/")
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Tick: Backup created").click()
    expect(page.get_by_role("alert")).to_contain_text("Not done: the server could not be reached.")
    visitor.context.set_offline(False)
    visitor.context.clear_cookies()
    page.get_by_role("button", name="Tick: Backup created").click()
    expect(page.get_by_role("alert")).to_contain_text("Not done")
    items[0].refresh_from_db()
    assert items[0].state == "open"


PAGES = (
    "/releases/",
    "/releases/universe-v2/",
    "/releases/universe-v2/checklist/",
    "/releases/universe-v2/move/cancelled/",
    "/people/invite/",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_our_pages_fit_a_phone_please_axe_and_break_no_policy(
    chromium: Browser, live_server: Any, world: Release, ana: User, scheme: str
) -> None:
    screen = {"viewport": {"width": 360, "height": 800}, "color_scheme": scheme}
    visitor = Visitor(chromium, live_server, ana, **screen)
    for path in PAGES:
        page = visitor.go(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{path} is {wide} px wide"
        assert visitor.complaints == [], path  # before axe, which puts styles in by itself
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert found.violations_count == 0, f"{path} {scheme}: {found.generate_report()}"
        visitor.complaints.clear()


def test_the_admin_breaks_no_policy_and_fits(
    chromium: Browser, live_server: Any, world: Release, items: list[ChecklistItem], ana: User
) -> None:
    visitor = Visitor(chromium, live_server, ana, viewport={"width": 360, "height": 800})
    for path in (
        "/admin/",
        "/admin/releases/release/",
        f"/admin/releases/release/{world.pk}/change/",
        "/admin/checklists/checklistitem/",
        f"/admin/checklists/checklistitem/{items[0].pk}/change/",
        "/admin/checklists/checklistitem/add/",
        "/admin/releases/apitoken/add/",
        "/admin/releases/event/",
    ):
        page = visitor.go(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{path} is {wide} px wide"
    assert visitor.complaints == []


def test_the_theme_is_remembered_and_shared_with_the_admin(
    chromium: Browser, live_server: Any, world: Release, ana: User
) -> None:
    visitor = Visitor(chromium, live_server, ana, color_scheme="light")
    page = visitor.go("/releases/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("[data-theme-toggle]").click()  # as the system -> light
    page.locator("[data-theme-toggle]").click()  # light -> dark
    dark = page.evaluate(ground)
    assert light != dark
    assert visitor.go("/admin/").evaluate(ground) == dark
    assert visitor.complaints == []


def test_the_board_works_without_scripts(
    chromium: Browser, live_server: Any, world: Release, items: list[ChecklistItem], ben: User
) -> None:
    visitor = Visitor(chromium, live_server, ben, java_script_enabled=False)
    page = visitor.go("/releases/universe-v2/checklist/")
    page.get_by_role("button", name="Tick: Backup created").click()
    expect(page.locator(f"#item-{items[0].pk}")).to_contain_text("Ben Bauer ticked it")
    page.get_by_role("link", name="More about: Reviewed").click()
    page.get_by_placeholder("Why it can’t go on").fill("No reviewer")
    page.get_by_role("button", name="Block").click()
    expect(page.locator(f"#item-{items[1].pk}")).to_contain_text("No reviewer")
