"""The flag screens in a real Chromium: by keyboard, live, narrow and wide, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from flags.changing import rollout, targeting
from flags.core.specs import ConditionSpec, Operator, RuleSpec
from flags.models import Flag, FlagState
from flags.serving import counting
from releases import tokens
from releases.models import ApiToken, Environment
from tests.board.test_in_browser import Visitor, chromium, pytestmark
from tests.flags.conftest import OPERATOR, make_flag
from tests.runs.test_screens_in_browser import usable

__all__ = ["chromium", "pytestmark"]

GERMANS = ConditionSpec("country", Operator.IN, ("DE",))


@pytest.fixture
def flag(staging: Environment, production: Environment) -> Flag:
    return make_flag("checkout", staging, production)


@pytest.fixture
def state(flag: Flag, staging: Environment) -> FlagState:
    return FlagState.objects.get(flag=flag, environment=staging)


def where(name: str, state: FlagState, query: str = "") -> str:
    return reverse(f"admin:flags_flagstate_{name}", args=[state.pk]) + query


def change(state: FlagState, edit: targeting.Edit) -> None:
    targeting.change(
        flag=state.flag, environment=state.environment, edit=edit, reason="x", actor=OPERATOR
    )


def rules(state: FlagState) -> list[tuple[str, list[str]]]:
    return [
        (rule.name, [one["attribute"] for one in rule.conditions]) for rule in state.rules.all()
    ]


def press(page: Page, role: Any, name: str) -> None:
    """As people without a mouse do: go there, press Enter."""
    button = page.get_by_role(role, name=name, exact=True)
    button.focus()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")


def test_rules_are_written_ordered_and_removed_by_keyboard_alone(
    chromium: Browser, live_server: Any, state: FlagState, ana: User
) -> None:
    change(state, targeting.adding_rule(RuleSpec("Germany", (GERMANS,), variant="on")))
    visitor = Visitor(chromium, live_server, ana)
    page = visitor.go(where("rule", state))
    page.get_by_label("Name").fill("Three")
    page.get_by_label("Reason").fill("new market")
    page.locator("#id_c-0-attribute").fill("country")
    page.locator("#id_c-0-values").fill("FR")
    for place, attribute in ((2, "plan"), (3, "age")):
        press(page, "button", "Add another condition")
        expect(page.locator(f"#id_c-{place}-attribute")).to_be_focused()
        page.keyboard.type(attribute)
        page.locator(f"#id_c-{place}-values").fill("7")
    expect(page.get_by_role("group", name="Condition 4")).to_be_visible()
    page.get_by_label("Name").press("Enter")  # the form's own button, not "Add another"
    page.wait_for_url(f"**{where('change', state)}")
    assert rules(state) == [("Germany", ["country"]), ("Three", ["country", "plan", "age"])]
    press(page, "link", "Later… rule “Germany”")
    page.get_by_label("Reason").fill("narrow first")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{where('change', state)}")
    assert [name for name, _ in rules(state)] == ["Three", "Germany"]
    press(page, "link", "Remove… rule “Germany”")
    page.get_by_label("Reason").fill("done")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{where('change', state)}")
    assert [name for name, _ in rules(state)] == ["Three"]
    assert visitor.complaints == []


def seen(app: ApiToken, name: str, revision: int) -> None:
    """Written at once, as a flush would."""
    now = timezone.now()
    client = counting.Client("staging", app.pk, "unleash", name)
    counting.write({}, {client: counting.Sight(now, now, revision, "shop", "", None)})


def test_who_has_a_kill_is_shown_live_by_name_and_says_when_it_is_old(
    chromium: Browser, live_server: Any, state: FlagState, ana: User
) -> None:
    app = tokens.issue(environment=state.environment, scope="evaluate", name="app", actor=OPERATOR)
    visitor = Visitor(chromium, live_server, ana)
    page = visitor.go(where("change", state))
    strip = page.get_by_role("region", name="Who has it")
    expect(strip).to_contain_text("no client is there to have it")
    expect(strip).to_contain_text("Live")
    expect(strip.get_by_role("link", name="Look again")).to_be_hidden()
    for name in ("web-1", "web-2"):
        seen(app[0], name, 1)
    rollout.kill(flag=state.flag, environment=state.environment, reason="", actor=OPERATOR)
    seen(app[0], "web-1", 2)
    expect(strip).to_contain_text("1 of 2 clients on revision 2")
    expect(strip.get_by_role("listitem")).to_contain_text("shop (web-2), Unleash, polling")
    seen(app[0], "web-2", 2)
    expect(strip).to_contain_text("Everybody 2 of 2 clients on revision 2 after")
    assert visitor.complaints == []
    page.route(f"**{where('propagation', state)}", lambda route: route.abort())
    expect(strip).to_contain_text("Not live: the server does not answer. Shown as of")
    expect(strip.get_by_role("link", name="Look again")).to_be_visible()
    page.unroute(f"**{where('propagation', state)}")
    expect(strip).to_contain_text("Live")
    expect(strip).not_to_contain_text("Not live")


def test_without_a_script_the_strip_has_its_link(
    chromium: Browser, live_server: Any, state: FlagState, ana: User
) -> None:
    visitor = Visitor(chromium, live_server, ana, java_script_enabled=False)
    page = visitor.go(where("change", state))
    strip = page.get_by_role("region", name="Who has it")
    strip.get_by_role("link", name="Look again").click()
    expect(page).to_have_url(f"{live_server.url}{where('change', state)}#propagation-{state.pk}")


@pytest.mark.parametrize(
    ("width", "scheme", "names"),
    [
        (360, "dark", ("change", "rule", "explain", "schedule")),
        (1280, "light", ("change", "turn", "override", "copy", "requires")),
    ],
)
def test_the_screens_fit_and_axe_finds_nothing(
    chromium: Browser,
    live_server: Any,
    state: FlagState,
    ana: User,
    width: int,
    scheme: str,
    names: tuple[str, ...],
) -> None:
    change(state, targeting.adding_rule(RuleSpec("Germany", (GERMANS,), variant="on")))
    screen = {"width": width, "height": 800}
    visitor = Visitor(chromium, live_server, ana, viewport=screen, color_scheme=scheme)
    for name in names:
        visitor.go(where(name, state))
        usable(visitor, f"flag-{name}-{scheme}")
    page = "flags_flag_stale" if width > 1000 else "flags_segment_add"
    visitor.go(reverse(f"admin:{page}"))
    usable(visitor, f"{page}-{scheme}")
