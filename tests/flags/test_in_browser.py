"""The flag screens in a real Chromium: by keyboard, live, narrow and wide, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from flags import targeting
from flags.models import Flag, FlagState
from flags.specs import ConditionSpec, Operator, RuleSpec
from releases.models import Environment
from tests.board.test_in_browser import Visitor, chromium, pytestmark
from tests.flags.conftest import OPERATOR, make_flag

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
