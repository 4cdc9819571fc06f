"""The whole cutover in a real browser, on a whole running house.

Import a plan → tick by key → run on staging → on production: rehearsed, approved by Ben, dumped,
run → dial 10 % → an application gets its answer → support looks a user up → kill. Any console error
or policy violation is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.stories.conftest import OWN_PLAN, House
from tests.stories.test_api_story import ask, inside_and_outside, until

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
RUN_MILLISECONDS = 60_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.story,
    pytest.mark.timeout(400),
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


@pytest.fixture
def page(chromium: Browser, house: House) -> Iterator[Page]:
    """A page whose complaints fail the test."""
    complaints: list[str] = []
    context = chromium.new_context(base_url=house.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda said: _note(complaints, said))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == [], "\n".join(complaints)


#: htmx calls it an error when a newer request replaces one that is under way; that is meant.
REPLACED = ("htmx:sendAbort", "htmx:afterRequest")


def _note(complaints: list[str], said: Any) -> None:
    if said.type in {"error", "warning"} and not said.text.startswith(REPLACED):
        complaints.append(said.text)


def test_a_cutover_in_the_browser(page: Page, house: House) -> None:
    sign_in_as(page, "Ana")
    import_a_plan(page)
    tick_two_items_by_key(page)
    run_on_staging(page)
    run_on_production(page)
    turn_the_dial_to_ten(page)
    an_application_asks(house, exposed=True)
    support_looks_a_user_up(page)
    kill_from_the_board(page)
    an_application_asks(house, exposed=False)


def sign_in_as(page: Page, name: str) -> None:
    page.goto("/login/")
    page.get_by_role("button", name=f"Sign in as {name}").click()
    expect(page.get_by_role("navigation").first).to_be_visible()


def import_a_plan(page: Page) -> None:
    plan = OWN_PLAN.read_text().replace("# Universe V2", "# Second Universe", 1)
    page.goto("/releases/import/")
    page.locator("textarea").first.fill(plan)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("24").first).to_be_visible()  # the plan's items
    page.get_by_role("button", name="Import", exact=False).first.click()
    page.wait_for_url(lambda address: "import" not in address)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Second Universe")


def tick_two_items_by_key(page: Page) -> None:
    page.goto("/releases/universe-v2/checklist/")
    first = page.locator("li.item").first
    page.keyboard.press("n")
    page.keyboard.press("t")
    expect(first).to_contain_text("Ana Almeida ticked it")
    page.keyboard.press("n")
    page.keyboard.press("t")
    expect(page.locator("li.item").nth(1)).to_contain_text("Ana Almeida ticked it")


def run_on_staging(page: Page) -> None:
    choose_the_scripts(page, "staging")
    page.get_by_role("button", name="Queue on staging").click()
    expect(page.get_by_text("4 of 4 scripts applied.")).to_be_visible(timeout=RUN_MILLISECONDS)


def run_on_production(page: Page) -> None:
    choose_the_scripts(page, "production")
    page.get_by_label("Type production to confirm").fill("production")
    page.get_by_role("button", name="Queue on production").click()
    page.wait_for_url("**/runs/*/")
    address = page.url
    rehearsed = page.locator("#run").get_by_role("link", name="What it did on a clone")
    expect(page.locator("#run")).to_contain_text("Passed", timeout=RUN_MILLISECONDS)
    expect(page.locator("#run")).to_contain_text("1 more person has to approve it")
    sign_out_and_in(page, "Ben")
    page.goto(address)
    rehearsed.click()
    expect(page.get_by_role("table").first).to_contain_text("CREATE TABLE")
    page.goto(address)
    page.get_by_role("link", name="Look and approve…").click()
    expect(page.get_by_role("table").first).to_contain_text("CREATE TABLE")
    page.get_by_label("Note (optional)").fill("seen on the clone")
    page.get_by_role("button", name="Approve run").click()
    expect(page.get_by_text("4 of 4 scripts applied.")).to_be_visible(timeout=RUN_MILLISECONDS)
    expect(page.locator("#run")).to_contain_text("Taken and verified")
    sign_out_and_in(page, "Ana")


def choose_the_scripts(page: Page, target: str) -> None:
    page.goto(f"/releases/universe-v2/runs/queue/?target={target}")
    page.locator(f"input[name=target][value={target}]").check()
    for number in ("001", "002", "003", "004"):
        page.get_by_role("checkbox", name=number).check()
    expect(page.get_by_text("4 scripts")).to_be_visible()


def turn_the_dial_to_ten(page: Page) -> None:
    page.goto("/releases/universe-v2/")
    page.get_by_role("link", name="Turn the dial").last.click()
    page.locator("#id_percent, #id_to").first.fill("10")
    page.locator("#id_reason").fill("stage 1")
    page.get_by_role("button", name="Turn the dial", exact=False).click()
    expect(page.get_by_text("0 % → 10 %").first).to_be_visible()


def an_application_asks(house: House, *, exposed: bool) -> None:
    token = house.token("evaluate")
    inside, outside = inside_and_outside(10_000)
    until(lambda: ask(house, token, inside) is exposed)
    assert ask(house, token, outside) is False


def support_looks_a_user_up(page: Page) -> None:
    sign_out_and_in(page, "Cleo")
    inside, outside = inside_and_outside(10_000)
    page.goto("/status/universe-v2/")
    page.get_by_label("User id").fill(inside)
    page.get_by_role("button", name="Look up").click()
    production = page.get_by_role("row").filter(has_text="Production")
    expect(production).to_contain_text("In on")
    page.get_by_label("User id").fill(outside)
    page.get_by_role("button", name="Look up").click()
    expect(production).to_contain_text("Not in off")


def kill_from_the_board(page: Page) -> None:
    sign_out_and_in(page, "Ana")
    page.goto("/releases/universe-v2/")
    page.get_by_role("link", name="Kill: dial to 0 % now").last.click()
    page.locator("#id_reason").fill("errors")
    page.get_by_role("button", name="Kill", exact=False).click()
    page.goto("/releases/universe-v2/")
    expect(page.get_by_text("needs re-arming", exact=False).first).to_be_visible()


def sign_out_and_in(page: Page, name: str) -> None:
    page.context.clear_cookies()
    sign_in_as(page, name)
