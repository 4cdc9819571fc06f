"""What a revision writes down, and what it leaves alone."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from flags.changing import rollout
from flags.changing.publishing import publish, published
from flags.models import Flag, RulesetEntry, Segment, Variant
from releases.models import Environment
from tests.flags.conftest import OPERATOR, make_flag


def entries(environment: Environment, key: str) -> list[tuple[int, bool]]:
    rows = RulesetEntry.objects.filter(environment=environment, key=key).order_by("revision")
    return list(rows.values_list("revision", "current"))


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)


def test_each_change_is_an_entry_and_only_the_newest_is_current(
    universe: Flag, staging: Environment
) -> None:
    turn(universe, staging, 10_000)
    turn(universe, staging, 25_000)
    assert entries(staging, "universe-v2") == [(1, False), (2, False), (3, True)]
    document = published(staging, "universe-v2")
    assert document is not None
    assert document["dial"] == 25_000
    newest = RulesetEntry.objects.get(environment=staging, key="universe-v2", current=True)
    assert newest.actor_name == OPERATOR.name


def test_a_revision_writes_only_what_differs(universe: Flag, staging: Environment) -> None:
    make_flag("other", staging)
    turn(universe, staging, 10_000)
    assert entries(staging, "other") == [(2, True)]


def test_true_and_one_differ(universe: Flag, staging: Environment) -> None:
    Variant.objects.filter(flag=universe, name="on").update(value=1)
    with transaction.atomic():
        publish(staging, flags=[universe])
    assert len(entries(staging, "universe-v2")) == 2


def test_what_is_gone_is_published_as_nothing(universe: Flag, staging: Environment) -> None:
    universe.states.filter(environment=staging).delete()
    with transaction.atomic():
        publish(staging)
    assert published(staging, "universe-v2") is None
    assert entries(staging, "universe-v2") == [(1, False), (2, True)]


def test_a_segment_reaches_every_environment_that_is_published(
    staging: Environment, production: Environment
) -> None:
    conditions = [{"attribute": "country", "operator": "in", "values": ["DE"]}]
    segment = Segment.objects.create(key="germany", name="Germany", conditions=conditions)
    for environment in (staging, production):
        with transaction.atomic():
            publish(environment, segments=[segment])
    assert [len(entries(where, "germany")) for where in (staging, production)] == [1, 1]


def test_the_database_keeps_one_current_entry_of_a_key(
    universe: Flag, staging: Environment
) -> None:
    newest = RulesetEntry.objects.get(environment=staging, key="universe-v2")
    newest.pk, newest.revision = None, 99
    with pytest.raises(IntegrityError), transaction.atomic():
        newest.save()


def test_flags_from_before_entries_existed_answer_as_they_stood(
    universe: Flag, staging: Environment
) -> None:
    turn(universe, staging, 12_500)
    before = published(staging, "universe-v2")
    RulesetEntry.objects.all().delete()
    upgrade = importlib.import_module("flags.migrations.0003_publish_what_stands")
    upgrade.publish(apps, None)
    assert published(staging, "universe-v2") == before
    assert entries(staging, "universe-v2") == [(2, True)]
