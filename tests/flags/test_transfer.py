"""Flags moved between environments and through files: as previewed, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flags.changing import rollout, transfer
from flags.changing.proposing import ChangedMeanwhile
from flags.changing.publishing import published
from flags.models import Flag, FlagState, Segment, Variant
from releases.models import Environment, Event
from releases.refusals import Refused
from tests.flags.conftest import OPERATOR, make_flag, republish


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="go", actor=OPERATOR)


@pytest.fixture
def targeted(universe: Flag, staging: Environment) -> Flag:
    """At 25 % on staging, with a rule and an override."""
    turn(universe, staging, 25_000)
    state = FlagState.objects.get(flag=universe, environment=staging)
    on = Variant.objects.get(flag=universe, name="on")
    condition = {"attribute": "country", "operator": "in", "values": ["DE"]}
    rule = state.rules.create(position=0, name="Germany", conditions=[condition], variant=on)
    rule.segments.add(Segment.objects.create(key="pro", name="Pro", conditions=[]))
    state.overrides.create(key="ana", variant=on, reason="tests it")
    republish(staging)
    return universe


def copy(flag: Flag, source: Environment, to: Environment, content: str) -> transfer.Move:
    return transfer.copy(
        flag=flag, source=source, destination=to, content=content, reason="ready", actor=OPERATOR
    )


def test_a_copy_makes_the_other_environment_the_same(
    targeted: Flag, staging: Environment, production: Environment
) -> None:
    move = transfer.preview_copy(targeted, staging, production)
    assert move.grows
    assert move.lines == (
        "Dial: 0 % → 25 %.",
        "Override of ana added: on.",
        "Rule 1 “Germany” added: country is DE and in segment pro → on.",
    )
    copy(targeted, staging, production, move.content)
    assert published(production, "universe-v2") == published(staging, "universe-v2")
    assert transfer.preview_copy(targeted, staging, production).lines == ()
    event = Event.objects.latest("id")
    assert (event.verb, event.data["from"]) == ("flag.copy", "staging")


def test_a_copy_is_what_was_shown_or_nothing(
    targeted: Flag, staging: Environment, production: Environment
) -> None:
    shown = transfer.preview_copy(targeted, staging, production)
    turn(targeted, staging, 50_000)
    with pytest.raises(ChangedMeanwhile):
        copy(targeted, staging, production, shown.content)
    assert FlagState.objects.get(flag=targeted, environment=production).dial == 0


def test_a_kill_is_neither_lifted_nor_copied(
    targeted: Flag, staging: Environment, production: Environment
) -> None:
    rollout.kill(flag=targeted, environment=production, reason="errors", actor=OPERATOR)
    move = transfer.preview_copy(targeted, staging, production)
    copy(targeted, staging, production, move.content)
    state = FlagState.objects.get(flag=targeted, environment=production)
    assert (state.killed_at is not None, state.dial) == (True, 0)
    rollout.rearm(flag=targeted, environment=production, reason="fixed", actor=OPERATOR)
    rollout.kill(flag=targeted, environment=staging, reason="errors", actor=OPERATOR)
    back = transfer.preview_copy(targeted, staging, production)
    assert (back.after.killed, back.after.dial) == (False, 0)


def test_what_is_published_nowhere_cannot_be_copied(
    staging: Environment, production: Environment
) -> None:
    flag = make_flag("only-here", production)
    with pytest.raises(transfer.NothingPublished):
        transfer.preview_copy(flag, staging, production)


# --- Files --------------------------------------------------------------------------------------
def take(environment: Environment, content: Any) -> list[transfer.Move]:
    hashes = {one.key: one.content for one in transfer.preview_import(environment, content)}
    return transfer.import_file(
        environment=environment, content=content, hashes=hashes, reason="moved", actor=OPERATOR
    )


def test_a_file_goes_out_and_comes_back_the_same(targeted: Flag, staging: Environment) -> None:
    make_flag("other", staging)
    content = json.loads(json.dumps(transfer.export(staging)))
    FlagState.objects.all().delete()
    Flag.objects.all().delete()
    Segment.objects.all().delete()
    republish(staging)
    assert transfer.export(staging)["flags"] == []
    take(staging, content)
    again = transfer.export(staging)
    assert (again["flags"], again["segments"]) == (content["flags"], content["segments"])
    assert [one.lines for one in transfer.preview_import(staging, content)] == [(), ()]


def test_a_file_that_changed_after_its_preview_takes_nothing(
    targeted: Flag, staging: Environment
) -> None:
    content = transfer.export(staging)
    make_flag("aaa", staging)
    content["flags"].insert(0, published(staging, "aaa"))
    content["flags"][0]["dial"] = 7000
    hashes = {one.key: one.content for one in transfer.preview_import(staging, content)}
    turn(targeted, staging, 1000)
    with pytest.raises(ChangedMeanwhile, match="universe-v2"):
        transfer.import_file(
            environment=staging, content=content, hashes=hashes, reason="x", actor=OPERATOR
        )
    assert FlagState.objects.get(flag__key="aaa").dial == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "release_control_flags"),
        ({"release_control_flags": 2}, "release_control_flags"),
        ({"release_control_flags": 1, "flags": {}}, "lists"),
        ({"release_control_flags": 1, "flags": [3]}, "Flag 1 is not an object"),
        ({"release_control_flags": 1, "flags": [{"format": 1}]}, "Flag 1: Without 'key'"),
        ({"release_control_flags": 1, "segments": [{"format": 9}]}, "Segment 1: format 9"),
    ],
)
def test_what_is_no_file_of_flags_is_refused_by_its_place(content: Any, said: str) -> None:
    with pytest.raises(transfer.NotAnExport, match=said):
        transfer.read(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dial", 100_001),
        ("off", "nothing"),
        ("requires", [{"flag": "universe-v2", "variants": []}]),
        ("overrides", [{"key": "a", "variant": "blue", "until": None}]),
        (
            "rules",
            [
                {
                    "name": "x",
                    "conditions": [],
                    "segments": ["unknown"],
                    "percentage": 5,
                    "variant": None,
                }
            ],
        ),
    ],
)
def test_a_file_that_holds_what_cannot_be_takes_nothing(
    universe: Flag, staging: Environment, field: str, value: Any
) -> None:
    content = transfer.export(staging)
    content["flags"][0][field] = value
    before = published(staging, "universe-v2")
    with pytest.raises(Refused) as refused:
        take(staging, content)
    assert "universe-v2" in refused.value.message
    assert published(staging, "universe-v2") == before
