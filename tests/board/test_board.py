"""The board says what is next, to each role, and never more than that role may see or do."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import gates, ticking
from checklists.models import ChecklistItem, Gate
from flags.models import FlagState
from releases.models import Environment, Event, Release, TargetDatabase
from releases.timeline import Actor
from tests.board import kit

BOARD = "/releases/universe-v2/"


@pytest.fixture
def target(staging: Environment) -> TargetDatabase:
    return TargetDatabase.objects.create(
        name="staging", environment=staging, url_variable="TARGET_STAGING_URL"
    )


def next_action(person: User) -> str:
    page = kit.text(kit.of(person), BOARD)
    return page.split('class="next-text">')[1].split("</p>")[0]


# --- The next action for me -------------------------------------------------------------------


def test_a_draft_is_marked_ready_first(release: Release, ana: User) -> None:
    assert next_action(ana) == "Mark ready: the way is clear"


def test_the_engineer_is_sent_to_the_next_open_item(
    release: Release, items: list[ChecklistItem], ben: User
) -> None:
    assert next_action(ben) == "Backup created"
    kit.tick(items[0], ben)
    assert next_action(ben) == "Reviewed"


def test_the_viewer_reads_where_the_team_is(release: Release, vic: User) -> None:
    assert next_action(vic) == "Nothing waits for you"
    assert "The team is at “Backup created”" in kit.text(kit.of(vic), BOARD)


def test_the_second_person_is_asked_and_the_first_is_not(
    release: Release, items: list[ChecklistItem], ana: User, ben: User
) -> None:
    ticking.ask_waiver(item=items[0], actor=Actor.person(ben), reason="Nightly job")
    assert next_action(ana) == "Ben Bauer asks to waive “Backup created”"
    assert next_action(ben) == "Reviewed"


def test_a_failed_run_comes_first_until_a_later_one_went_well(
    release: Release, target: TargetDatabase, ben: User
) -> None:
    failed = kit.add_run(release, target, "failed", ben)
    assert next_action(ben) == f"Run {failed.pk} on staging: failed"
    kit.add_run(release, target, "succeeded", ben)
    assert next_action(ben) == "Backup created"


def test_scripts_without_text_are_asked_for_before_items(release: Release, ben: User) -> None:
    kit.add_script(release, "010_create.sql")
    assert next_action(ben) == "Attach the files of 1 migration script"


def test_a_role_whose_signoff_is_missing_is_asked_for_it(release: Release, dora: User) -> None:
    gates.ensure(release, signoffs={"start": ("Product",)})
    assert next_action(dora) == "“Before the start” waits for Product"
    gate = Gate.objects.get(release=release, name="start")
    kit.of(dora).post(f"{BOARD}sign-off/{gate.pk}/", {"role": "Product", "go": "yes"})
    assert next_action(dora) == "Backup created"


def test_a_killed_dial_comes_before_everything_else(
    release: Release, production: Environment, ana: User, vic: User
) -> None:
    state = kit.add_dial(release, production)
    FlagState.objects.filter(pk=state.pk).update(killed_at=Now())
    assert next_action(ana) == "universe-v2 on Production was killed: nobody sees it"
    assert next_action(vic) == "Nothing waits for you"


def test_a_release_is_not_complete_while_a_stage_is_ahead(
    release: Release, production: Environment, ana: User
) -> None:
    Release.objects.update(state="rolling_out")
    state = kit.add_dial(release, production)
    FlagState.objects.filter(pk=state.pk).update(dial=10_000)
    assert next_action(ana) == "universe-v2 on Production is at 10 %: the next stage is 25 %"
    FlagState.objects.filter(pk=state.pk).update(dial=100_000)
    assert next_action(ana) == "Complete: the way is clear"


def test_an_ended_release_asks_for_nothing(release: Release, ana: User) -> None:
    Release.objects.update(state="closed")
    assert next_action(ana) == "This release is closed."


# --- Moves --------------------------------------------------------------------------------------


def test_a_closed_gate_lists_what_is_open_as_links(
    release: Release, items: list[ChecklistItem], ana: User
) -> None:
    Release.objects.update(state="ready")
    page = kit.text(kit.of(ana), BOARD)
    assert "waits for 2 things" in page
    for item in items:
        assert (
            f'href="/releases/universe-v2/checklist/#item-{item.pk}">“{item.text}” is open' in page
        )


def test_pushing_a_closed_gate_is_refused_with_the_same_list(release: Release, ana: User) -> None:
    Release.objects.update(state="ready")
    answer = kit.of(ana).post(f"{BOARD}move/", {"to": "in_progress"})
    assert answer.status_code == 409
    assert "The gate is closed; nothing was changed." in answer.content.decode()
    assert Release.objects.get().state == "ready"


def test_an_open_gate_lets_the_release_start(
    release: Release, items: list[ChecklistItem], ana: User, ben: User
) -> None:
    Release.objects.update(state="ready")
    for item in items:
        kit.tick(item, ben)
    assert next_action(ana) == "Start: the way is clear"
    assert kit.of(ana).post(f"{BOARD}move/", {"to": "in_progress"})["Location"] == BOARD
    release.refresh_from_db()
    assert (release.state, release.driver) == ("in_progress", ana)


def test_an_ending_asks_why_on_a_page_of_its_own(release: Release, ana: User) -> None:
    client = kit.of(ana)
    assert "ends here" in kit.text(client, f"{BOARD}move/cancelled/")
    assert client.post(f"{BOARD}move/", {"to": "cancelled", "reason": " "}).status_code == 409
    client.post(f"{BOARD}move/", {"to": "cancelled", "reason": "Superseded"})
    assert Event.objects.get(verb="release.move").data["reason"] == "Superseded"


@pytest.mark.parametrize("to", ["nowhere", "", "complete"])
def test_a_move_that_is_none_changes_nothing(release: Release, ana: User, to: str) -> None:
    assert kit.of(ana).post(f"{BOARD}move/", {"to": to}).status_code in {404, 409}
    assert kit.of(ana).get(f"{BOARD}move/{to or 'x'}/").status_code == 404
    assert Release.objects.get().state == "draft"


def test_a_no_at_a_gate_is_recorded_with_its_reason(release: Release, dora: User) -> None:
    gates.ensure(release, signoffs={"start": ("Product",)})
    gate = Gate.objects.get(release=release, name="start")
    given = {"role": "Product", "go": "no", "reason": "Texts are missing"}
    kit.of(dora).post(f"{BOARD}sign-off/{gate.pk}/", given)
    assert "said no" in kit.text(kit.of(dora), BOARD)
    assert gates.unmet(release, "start")[-1].text == "Product said no: Texts are missing"


def test_nobody_signs_for_another_role(release: Release, ben: User) -> None:
    gates.ensure(release, signoffs={"start": ("Product",)})
    gate = Gate.objects.get(release=release, name="start")
    answer = kit.of(ben).post(f"{BOARD}sign-off/{gate.pk}/", {"role": "Product", "go": "yes"})
    assert answer.status_code == 409
    assert not gate.signoffs.exists()


# --- What a role is offered -------------------------------------------------------------------


def test_only_the_release_manager_is_offered_moves(
    release: Release, ana: User, ben: User, dora: User, vic: User
) -> None:
    assert "Cancel the release…" in kit.text(kit.of(ana), BOARD)
    for person in (ben, dora, vic):
        page = kit.text(kit.of(person), BOARD)
        assert "Cancel the release…" not in page
        assert "/move/" not in page
        assert kit.of(person).post(f"{BOARD}move/", {"to": "ready"}).status_code == 403


def test_the_kill_stands_on_the_board_for_those_who_may(
    release: Release, production: Environment, ana: User, dora: User, vic: User
) -> None:
    state = kit.add_dial(release, production)
    for person in (ana, dora):
        assert "Kill: dial to 0 % now" in kit.text(kit.of(person), BOARD)
        assert kit.of(person).get(f"/dials/{state.pk}/kill/").status_code == 302
    assert "Kill" not in kit.text(kit.of(vic), BOARD)
    assert kit.of(vic).get(f"/dials/{state.pk}/kill/").status_code == 403


def test_a_killed_dial_says_so_and_is_not_killed_again(
    release: Release, production: Environment, ana: User
) -> None:
    state = kit.add_dial(release, production)
    FlagState.objects.filter(pk=state.pk).update(killed_at=Now())
    page = kit.text(kit.of(ana), BOARD)
    assert "Killed, needs re-arming" in page
    assert "Kill: dial to 0 % now" not in page


def test_product_sees_no_sql(
    release: Release, target: TargetDatabase, ben: User, dora: User
) -> None:
    kit.add_run(release, target, "running", ben)
    kit.add_script(release, "010_create.sql")
    assert "010_create.sql" in kit.text(kit.of(ben), BOARD)
    page = kit.text(kit.of(dora), BOARD)
    assert "010_create.sql" not in page
    assert "Migration runs" not in page


def test_support_and_strangers_do_not_reach_the_board(
    release: Release, cleo: User, dan: User, client: Client
) -> None:
    for address in (BOARD, f"{BOARD}live/", f"{BOARD}checklist/", "/releases/"):
        assert kit.of(cleo).get(address).status_code == 403
        assert kit.of(dan).get(address).status_code == 403
        assert client.get(address)["Location"].startswith("/login/")


def test_a_part_asked_for_without_a_session_is_no_login_page(
    release: Release, client: Client
) -> None:
    assert client.get(f"{BOARD}live/", headers=kit.HTMX).status_code == 401


def test_guardrails_say_plainly_that_nobody_watches(release: Release, vic: User) -> None:
    kit.add_guardrail(release, "Error rate > 5%")
    page = kit.text(kit.of(vic), BOARD)
    assert "Not armed: nobody watches these limits yet." in page
    assert "None armed" in page


def test_what_people_write_is_shown_as_text(release: Release, vic: User) -> None:
    Release.objects.update(title="<script>alert(1)</script> إصدار 🚀")
    page = kit.text(kit.of(vic), BOARD)
    assert "<script>alert" not in page
    assert "إصدار 🚀" in page


def test_unknown_releases_are_not_found(db: None, ana: User) -> None:
    for name in ("board", "board-live", "tick-board"):
        assert kit.of(ana).get(reverse(name, args=["nothing"])).status_code == 404


# --- Queries do not grow ------------------------------------------------------------------------


def fill(release: Release, target: TargetDatabase, production: Environment, person: User) -> None:
    """One more of everything that the board lists."""
    number = Event.objects.count() + ChecklistItem.objects.count()
    checklist = release.checklists.create(key=f"more-{number}", title="More", position=9)
    for place in range(3):
        checklist.items.create(key=f"m{place}", position=place, text="More", number=place + 1)
    kit.add_dial(release, production, key=f"flag-{number}")
    kit.add_run(release, target, "queued", person)
    kit.add_script(release, f"{number}.sql")
    kit.add_smoke_test(release, f"smoke {number}")
    kit.add_guardrail(release, f"guardrail {number}")
    item = checklist.items.all()[0]
    ticking.ask_waiver(item=item, actor=Actor.person(person), reason="No need")
    unnumbered = checklist.items.create(key="free", position=3, text="More")
    ticking.begin(item=unnumbered, actor=Actor.person(person))


def queries_of(client: Client, address: str, counter: Any) -> int:
    client.get(address)  # the session and content types are warm after the first
    with counter() as counted:
        assert client.get(address).status_code == 200
    return len(counted)


@pytest.mark.parametrize(
    "address",
    [
        "/releases/",
        BOARD,
        f"{BOARD}live/",
        f"{BOARD}checklist/",
        f"{BOARD}checklist/changes/?since=1",
    ],
)
def test_queries_do_not_grow_with_what_is_shown(
    release: Release,
    target: TargetDatabase,
    production: Environment,
    ana: User,
    ben: User,
    address: str,
) -> None:
    def counter() -> CaptureQueriesContext:
        return CaptureQueriesContext(connection)

    Release.objects.update(state="ready")  # so that the gate is asked, too
    gates.ensure(release, signoffs={"start": ("Product",)})
    Group.objects.get(name="Product").user_set.add(ana)
    fill(release, target, production, ben)
    few = queries_of(kit.of(ana), address, counter)
    for number in range(4):
        fill(release, target, production, ben)
        Release.objects.create(slug=f"r{number}", title="R", driver=ben)
    assert queries_of(kit.of(ana), address, counter) == few
    assert few <= 30
