"""Items that the plan forgot: they stand where they belong and are told on the timeline."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from checklists import adding, gates
from checklists.models import Checklist, ChecklistItem
from checklists.ticking import ReleaseIsOver
from releases.models import Event, Release
from releases.refusals import NotPermitted
from releases.timeline import Actor


@pytest.fixture
def checklist(release: Release) -> Checklist:
    made = Checklist.objects.create(release=release, key="k", title="Phase", position=5)
    for place, section in enumerate(("Code", "Code", "Database")):
        made.items.create(key=f"i{place}", section=section, position=place, text=f"Item {place}")
    return made


def in_order(checklist: Checklist) -> list[tuple[str, str]]:
    return list(checklist.items.order_by("position").values_list("section", "text"))


def test_an_added_item_stands_last_in_its_section(checklist: Checklist, ben: User) -> None:
    adding.add_item(checklist=checklist, actor=Actor.person(ben), text=" New ", section="Code")
    assert in_order(checklist) == [
        ("Code", "Item 0"),
        ("Code", "Item 1"),
        ("Code", "New"),
        ("Database", "Item 2"),
    ]


def test_a_new_section_stands_at_the_end(checklist: Checklist, ben: User) -> None:
    adding.add_item(checklist=checklist, actor=Actor.person(ben), text="New", section="Docs")
    assert in_order(checklist)[-1] == ("Docs", "New")


def test_the_first_item_of_an_empty_phase(release: Release, ben: User) -> None:
    empty = Checklist.objects.create(release=release, key="e", title="Empty", position=6)
    made = adding.add_item(checklist=empty, actor=Actor.person(ben), text="New")
    assert made.position == 0


def test_an_added_required_item_closes_its_gate_again(
    release: Release, items: list[ChecklistItem], ben: User
) -> None:
    ChecklistItem.objects.filter(checklist__key="before").update(state="done")
    assert gates.unmet(release, "start") == []
    adding.add_item(checklist=items[0].checklist, actor=Actor.person(ben), text="New")
    assert [unmet.text for unmet in gates.unmet(release, "start")] == ["“New” is open"]


@pytest.mark.parametrize("text", ["", " ", "x" * 501])
def test_words_that_can_not_be_stored_are_refused(
    checklist: Checklist, ben: User, text: str
) -> None:
    with pytest.raises(ValidationError):
        adding.add_item(checklist=checklist, actor=Actor.person(ben), text=text)
    assert len(in_order(checklist)) == 3
    assert not Event.objects.exists()


def test_an_ended_release_takes_no_item(checklist: Checklist, ben: User) -> None:
    Release.objects.update(state="closed")
    checklist.refresh_from_db()
    with pytest.raises(ReleaseIsOver):
        adding.add_item(checklist=checklist, actor=Actor.person(ben), text="New")
    item = checklist.items.get(text="Item 0")
    with pytest.raises(ReleaseIsOver):
        adding.edit_item(item=item, actor=Actor.person(ben), changes={"text": "Other"})


def test_only_those_who_may_add_or_edit(checklist: Checklist, dora: User) -> None:
    with pytest.raises(NotPermitted):
        adding.add_item(checklist=checklist, actor=Actor.person(dora), text="New")
    item = checklist.items.get(text="Item 0")
    with pytest.raises(NotPermitted):
        adding.edit_item(item=item, actor=Actor.person(dora), changes={"text": "Other"})


def test_an_edit_never_reaches_the_state(checklist: Checklist, ben: User) -> None:
    item = checklist.items.get(text="Item 0")
    changes = {"text": "Better words", "state": "done", "checklist": None}
    adding.edit_item(item=item, actor=Actor.person(ben), changes=changes)
    item.refresh_from_db()
    assert (item.text, item.state) == ("Better words", "open")
    assert Event.objects.get().data == {"changed": ["text"]}
    adding.edit_item(item=item, actor=Actor.person(ben), changes={"state": "done"})
    assert Event.objects.count() == 1
