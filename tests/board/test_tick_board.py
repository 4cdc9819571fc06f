"""The tick board: the same verbs by htmx and by plain forms, and two people at once."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checklists import ticking
from checklists.models import Checklist, ChecklistItem, Tick
from releases import evidence
from releases.models import Event, Release, Verdict
from releases.timeline import Actor
from tests.board import kit

LIST = "/releases/universe-v2/checklist/"


def act(client: Client, item: ChecklistItem, verb: str, **given: str) -> tuple[int, str]:
    answer = client.post(f"{LIST}{item.pk}/{verb}/", given, headers=kit.HTMX)
    return answer.status_code, answer.content.decode()


def state_of(item: ChecklistItem) -> str:
    item.refresh_from_db()
    return item.state


def test_a_tick_answers_with_the_row_and_the_new_progress(
    items: list[ChecklistItem], ben: User
) -> None:
    status, row = act(kit.of(ben), items[0], "tick")
    assert (status, state_of(items[0])) == (200, "done")
    assert f'id="item-{items[0].pk}"' in row
    assert "Ben Bauer ticked it" in row
    assert "1 of 5" in row


def test_without_scripts_a_tick_leads_back_to_its_item(
    items: list[ChecklistItem], ben: User
) -> None:
    answer = kit.of(ben).post(f"{LIST}{items[0].pk}/tick/")
    assert answer["Location"] == f"{LIST}#item-{items[0].pk}"
    assert state_of(items[0]) == "done"


def test_the_second_of_two_people_hears_who_was_first(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    act(kit.of(ben), items[0], "tick")
    status, row = act(kit.of(ana), items[0], "tick")
    at = Tick.objects.get().at
    assert status == 409
    assert f"Ben Bauer ticked it at {at:%H:%M}." in row
    page = kit.of(ana).post(f"{LIST}{items[0].pk}/tick/", follow=True).content.decode()
    assert f"Ben Bauer ticked it at {at:%H:%M}." in page
    assert Tick.objects.count() == 1


def test_numbered_steps_open_one_after_the_other(steps: list[ChecklistItem], ben: User) -> None:
    client = kit.of(ben)
    page = kit.text(client, LIST)
    assert page.count("Step 1 comes first") == 2
    status, row = act(client, steps[1], "tick")
    assert status == 409
    assert "an earlier one is still open" in row
    _, row = act(client, steps[0], "tick", since="0")
    assert f'action="{LIST}{steps[1].pk}/tick/"' in row  # the next one can be ticked now


def test_a_required_item_is_waived_by_two_people(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    _, row = act(kit.of(ben), items[0], "waive", reason="Nightly job does it")
    assert "Waits for a second person" in row
    status, row = act(kit.of(ben), items[0], "confirm")
    assert status == 409
    assert "a second person has to" in row
    _, row = act(kit.of(ana), items[0], "confirm")
    assert state_of(items[0]) == "waived"
    assert "Ana Almeida confirmed" in row


def test_a_waiver_is_confirmed_from_the_items_own_page_too(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    act(kit.of(ben), items[0], "waive", reason="Nightly job does it")
    page = kit.text(kit.of(ana), f"{LIST}{items[0].pk}/")
    assert "Confirm the waiver" in page
    answer = kit.of(ana).post(f"{LIST}{items[0].pk}/confirm/", follow=True)
    assert answer.status_code == 200
    assert state_of(items[0]) == "waived"


def test_a_waiver_can_be_turned_down(items: list[ChecklistItem], ana: User, ben: User) -> None:
    act(kit.of(ben), items[0], "waive", reason="Nightly job does it")
    act(kit.of(ana), items[0], "refuse")
    assert state_of(items[0]) == "open"


@pytest.mark.parametrize("verb", ["waive", "block"])
def test_a_reason_is_asked_for(items: list[ChecklistItem], ben: User, verb: str) -> None:
    status, row = act(kit.of(ben), items[0], verb, reason="  ")
    assert status == 409
    assert "Please say why; nothing was changed." in row
    assert state_of(items[0]) == "open"


def test_begin_block_and_untick_are_told_on_the_timeline(
    items: list[ChecklistItem], ben: User
) -> None:
    client = kit.of(ben)
    act(client, items[0], "begin")
    _, row = act(client, items[0], "block", reason="No quota")
    assert "No quota" in row
    act(client, items[0], "tick")
    act(client, items[0], "untick", reason="Wrong file")
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "item.begin",
        "item.block",
        "item.tick",
        "item.untick",
    ]


def test_notes_links_and_owners_are_kept(items: list[ChecklistItem], ana: User, ben: User) -> None:
    given = {"note": "in the vault", "evidence_url": "https://x.example/1", "owner": str(ana.pk)}
    _, row = act(kit.of(ben), items[0], "annotate", **given)
    assert 'href="https://x.example/1"' in row
    items[0].refresh_from_db()
    assert (items[0].note, items[0].owner) == ("in the vault", ana)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "not a link", "https://" + "x" * 600])
def test_a_link_that_is_none_is_refused_in_words(
    items: list[ChecklistItem], ben: User, link: str
) -> None:
    status, row = act(kit.of(ben), items[0], "annotate", evidence_url=link)
    assert status == 409
    assert "could not be stored as it is" in row
    assert not Event.objects.exists()


def test_what_a_machine_saw_stands_beside_the_item(items: list[ChecklistItem], ben: User) -> None:
    evidence.record(subject=items[0], verdict=Verdict.FAIL, summary="no backup since Monday")
    assert "a machine saw: fail, no backup since Monday" in kit.text(kit.of(ben), LIST)
    status, row = act(kit.of(ben), items[0], "tick")
    assert status == 409
    assert "A machine saw the opposite" in row


def test_a_viewer_is_offered_nothing_and_can_do_nothing(
    items: list[ChecklistItem], vic: User
) -> None:
    page = kit.text(kit.of(vic), LIST)
    assert "data-tick" not in page
    assert "Add an item" not in page
    panel = kit.of(vic).get(f"{LIST}{items[0].pk}/", headers=kit.HTMX).content.decode()
    assert "<form" not in panel
    for verb in ("tick", "untick", "waive", "confirm", "refuse", "begin", "block", "annotate"):
        assert act(kit.of(vic), items[0], verb, reason="x")[0] == 403
    assert state_of(items[0]) == "open"


def test_an_unknown_verb_and_a_foreign_item_are_not_found(
    items: list[ChecklistItem], ben: User
) -> None:
    client = kit.of(ben)
    assert client.post(f"{LIST}{items[0].pk}/erase/").status_code == 404
    assert client.post(f"/releases/other/checklist/{items[0].pk}/tick/").status_code == 404
    assert client.get(f"{LIST}{items[0].pk}/tick/").status_code == 405


def test_changes_of_others_come_with_the_next_question(
    items: list[ChecklistItem], steps: list[ChecklistItem], ana: User, ben: User
) -> None:
    page = kit.text(kit.of(ana), LIST)
    found = re.search(r'name="since" value="(\d+)"', page)
    assert found is not None
    quiet = kit.text(kit.of(ana), f"{LIST}changes/?since={found[1]}")
    assert "<li" not in quiet
    kit.tick(items[0], ben)
    kit.tick(steps[0], ben)
    told = kit.text(kit.of(ana), f"{LIST}changes/?since={found[1]}")
    assert set(re.findall(r'<li[^>]* id="item-(\d+)"', told)) == {
        str(items[0].pk),
        *(str(step.pk) for step in steps),  # the steps after it are unlocked or still wait
    }
    assert told.count('hx-swap-oob="true"') == 4 + 2  # the rows, and the count of each phase


def test_a_nonsense_since_is_the_beginning(items: list[ChecklistItem], ben: User) -> None:
    kit.tick(items[0], ben)
    for since in ("", "x", "-1", "9" * 40, "٣"):
        assert "Ben Bauer ticked it" in kit.text(kit.of(ben), f"{LIST}changes/?since={since}")


def test_an_item_is_added_at_the_end_of_its_section(release: Release, ben: User) -> None:
    before = Checklist.objects.get(key="before")
    given = {"checklist": str(before.pk), "text": "Pager tested", "required": "on"}
    answer = kit.of(ben).post(f"{LIST}add/", given)
    added = ChecklistItem.objects.get(text="Pager tested")
    assert answer["Location"] == f"{LIST}#item-{added.pk}"
    assert [item.text for item in before.items.all()] == [
        "Backup created",
        "Reviewed",
        "Pager tested",
    ]
    assert Event.objects.get().verb == "item.add"


@pytest.mark.parametrize("words", ["", "   ", "x" * 501])
def test_an_item_without_usable_words_is_not_added(release: Release, ben: User, words: str) -> None:
    before = Checklist.objects.get(key="before")
    answer = kit.of(ben).post(f"{LIST}add/", {"checklist": before.pk, "text": words}, follow=True)
    assert "could not be stored as it is" in answer.content.decode()
    assert ChecklistItem.objects.count() == 5


def test_only_those_who_edit_items_add_one(release: Release, dora: User) -> None:
    before = Checklist.objects.get(key="before")
    given = {"checklist": before.pk, "text": "Mine"}
    assert kit.of(dora).post(f"{LIST}add/", given).status_code == 403


def test_an_ended_release_keeps_its_checklist(items: list[ChecklistItem], ben: User) -> None:
    Release.objects.update(state="cancelled")
    status, row = act(kit.of(ben), items[0], "tick")
    assert status == 409
    assert "This release has ended" in row


def test_the_page_of_an_item_tells_its_history(items: list[ChecklistItem], ben: User) -> None:
    ticking.block(item=items[0], actor=Actor.person(ben), reason="No quota")
    page = kit.text(kit.of(ben), f"{LIST}{items[0].pk}/")
    assert "is blocked on “Backup created”" in page
    assert "<h1>" in page
