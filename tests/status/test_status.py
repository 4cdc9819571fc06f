"""What support sees, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checklists import ticking
from checklists.models import ChecklistItem
from flags.changing import rollout
from flags.core.bucketing import position
from flags.core.percent import format_percent
from flags.models import Flag, FlagState, RulesetRevision, Variant
from flags.serving import ruleset
from releasecontrol.status.summary import STATE_WORDS, look_up, summarise
from releases.models import Environment, Release
from releases.states import ReleaseState
from releases.timeline import Actor


@pytest.fixture
def flag(release: Release, production: Environment) -> Flag:
    made = Flag.objects.create(key="universe-v2", name="Universe V2", release=release)
    Variant.objects.create(flag=made, name="on", value=True, weight=1000)
    Variant.objects.create(flag=made, name="off", value=False, is_off=True, position=1)
    FlagState.objects.create(flag=made, environment=production)
    return made


def as_user(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def test_every_state_is_told_in_plain_words() -> None:
    assert set(STATE_WORDS) == set(ReleaseState)


def test_support_sees_state_progress_and_next_step(
    client: Client, release: Release, items: list[ChecklistItem], cleo: User, ana: User
) -> None:
    ticking.tick(item=items[0], actor=Actor.person(ana))
    page = as_user(client, cleo).get("/status/universe-v2/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Being prepared. Nothing has changed for users." in text
    assert "Before: 1 of 2" in text
    assert "Next step: <strong>Reviewed</strong>" in text
    assert "Ana Almeida ticked “Backup created”" in text
    assert "/admin/" not in text


def test_the_same_as_json(client: Client, release: Release, flag: Flag, cleo: User) -> None:
    body: dict[str, Any] = as_user(client, cleo).get("/status/universe-v2.json").json()
    assert body["state"] == "draft"
    assert body["phases"][0] == {"title": "Before", "settled": 0, "total": 2}
    assert body["dials"] == [
        {
            "flag": "universe-v2",
            "environment": "Production",
            "percent": "0",
            "is_killed": False,
            "is_enabled": True,
        }
    ]


def test_who_may_look(client: Client, release: Release, vic: User, dora: User, dan: User) -> None:
    assert client.get("/status/universe-v2/").status_code == 302
    for person in (vic, dora):
        assert as_user(client, person).get("/status/universe-v2/").status_code == 200
    assert as_user(client, dan).get("/status/universe-v2/").status_code == 403


def test_an_open_dial_is_not_told_as_nothing_has_changed(
    release: Release, flag: Flag, production: Environment
) -> None:
    assert "Nothing has changed" in summarise(release).words
    FlagState.objects.update(dial=10_000)
    assert "some users have it already" in summarise(release).words


@pytest.mark.django_db(transaction=True)
def test_a_user_is_looked_up_in_the_ruleset_that_answers_applications(
    release: Release, flag: Flag, production: Environment
) -> None:
    rollout.turn_dial(
        flag=flag, environment=production, to=10_000, reason="t", actor=Actor.command("test")
    )
    revision = RulesetRevision.objects.get(environment=production).revision
    ruleset.wait_for_revision("production", revision, timeout=10)
    inside = next(key for key in map(str, range(1000)) if position("universe-v2", key) < 10_000)
    outside = next(key for key in map(str, range(1000)) if position("universe-v2", key) >= 10_000)
    assert [(a.exposed, a.variant) for a in look_up(release, inside)] == [(True, "on")]
    (told,) = look_up(release, outside)
    assert (told.exposed, told.variant) == (False, "off")
    place = format_percent(position("universe-v2", outside))
    assert told.why == f"The user stands at {place} % on the line and the dial at 10 %."
    assert told.changes[0].startswith("Let in when the dial reaches ")


def test_an_absurd_user_id_is_refused_in_words(
    client: Client, release: Release, cleo: User
) -> None:
    page = as_user(client, cleo).get("/status/universe-v2/", {"user": "x" * 600})
    assert page.status_code == 200
    assert "at most 512 characters" in page.content.decode()


def test_a_users_id_is_escaped(client: Client, release: Release, flag: Flag, cleo: User) -> None:
    page = as_user(client, cleo).get("/status/universe-v2/", {"user": "<script>alert(1)</script>"})
    assert "<script>alert" not in page.content.decode()


def test_the_page_costs_the_same_with_many_items(
    release: Release, django_assert_max_num_queries: Any
) -> None:
    checklist = release.checklists.get(key="before")
    ChecklistItem.objects.bulk_create(
        ChecklistItem(checklist=checklist, key=f"x{n}", position=n, text="x") for n in range(300)
    )
    with django_assert_max_num_queries(5):
        summarise(release)


def test_the_index_lists_what_is_under_way(client: Client, release: Release, cleo: User) -> None:
    text = as_user(client, cleo).get("/status/").content.decode()
    assert "Universe V2" in text
    Release.objects.update(state=ReleaseState.CANCELLED)
    assert "No release is under way" in client.get("/status/").content.decode()
