"""The one thing to do next, for the person at the screen: by state, by role, most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.urls import reverse

from checklists.models import ChecklistItem, Waiver
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releasecontrol.board.dials import Dial
from releasecontrol.board.moves import Move, OpenSignoff
from releases.models import Release
from releases.states import RELEASE, ReleaseState

Has = Callable[[str], bool]


@dataclass(frozen=True)
class Facts:
    """What the choice is made from; all of it is on the board anyway."""

    release: Release
    forward: Move | None
    item: ChecklistItem | None
    waivers: tuple[Waiver, ...]
    signoffs: tuple[OpenSignoff, ...]
    runs: tuple[MigrationRun, ...]
    missing_files: int
    dials: tuple[Dial, ...]


@dataclass(frozen=True)
class NextAction:
    """A sentence, and the button that leads there: a link, or a `move` to be posted."""

    text: str
    why: str = ""
    tone: str = "active"
    label: str = ""
    url: str = ""
    move: str = ""


def choose(facts: Facts, has: Has) -> NextAction:
    """The most urgent action that this person may take; else what there is to see.

    `has` answers whether the person holds a permission ("app.codename").
    """
    if facts.release.state in RELEASE.final:
        over = facts.release.get_state_display().lower()
        return NextAction(f"This release is {over}.", "Nothing is left to do here.", "quiet")
    return next(_candidates(facts, has), _nothing(facts))


def _candidates(facts: Facts, has: Has) -> Iterator[NextAction]:
    yield from _killed(facts, has)
    yield from _trouble(facts, has)
    yield from _second_person(facts, has)
    yield from _sign(facts, has)
    yield from _next_stage(facts, has)
    yield from _move_on(facts, has)
    yield from _files(facts, has)
    yield from _item(facts, has)


def _killed(facts: Facts, has: Has) -> Iterator[NextAction]:
    for dial in facts.dials:
        if dial.killed and has("flags.turn_dial"):
            yield NextAction(
                f"{dial.state} was killed: nobody sees it",
                "Find out why, then re-arm it, or let the release be recorded as rolled back.",
                "bad",
                "See the dial",
                _dial_url(facts.release, dial),
            )


def _trouble(facts: Facts, has: Has) -> Iterator[NextAction]:
    """A run that failed or was lost, until a later one on the same target went well."""
    if not has("migrations_runner.queue_run"):
        return
    settled_targets = set()
    for run in sorted(facts.runs, key=lambda run: -run.pk):
        if run.state == RunState.SUCCEEDED:
            settled_targets.add(run.target_id)
        if run.state in {RunState.FAILED, RunState.LOST} and run.target_id not in settled_targets:
            yield NextAction(
                f"{run}: {run.get_state_display().lower()}",
                run.next_step or run.error,
                "bad",
                "See what happened",
                reverse("run", args=[run.pk]),
            )


def _second_person(facts: Facts, has: Has) -> Iterator[NextAction]:
    if has("checklists.waive_item"):
        for waiver in facts.waivers:
            yield NextAction(
                f"{waiver.asked_by_name} asks to waive “{waiver.item}”",
                f"“{waiver.reason}” It needs a second person’s yes: yours?",
                "warn",
                "Decide",
                _item_url(facts.release, waiver.item),
            )


def _sign(facts: Facts, has: Has) -> Iterator[NextAction]:
    if has("checklists.sign_off"):
        for signoff in facts.signoffs:
            yield NextAction(
                f"“{signoff.gate}” waits for {signoff.role}",
                "Your role signs this gate off.",
                "warn",
                "Sign off",
                "#signoffs",
            )


def _next_stage(facts: Facts, has: Has) -> Iterator[NextAction]:
    """A release is not complete while a planned stage of a production dial is ahead."""
    move = facts.forward
    if move is None or move.to != ReleaseState.COMPLETE or not move.is_open:
        return
    for dial in facts.dials:
        ahead = dial.next_mark
        if ahead is not None and dial.state.environment.is_production and has("flags.turn_dial"):
            yield NextAction(
                f"{dial.state} is at {dial.percent} %: the next stage is {ahead.percent} %",
                "Every item is settled; the plan wants its dwell time observed.",
                "active",
                "Turn the dial",
                _dial_url(facts.release, dial),
            )


def _move_on(facts: Facts, has: Has) -> Iterator[NextAction]:
    move = facts.forward
    if move is not None and move.is_open and has("releases.move_release"):
        why = (
            "Everything this step waits for is settled." if move.gate else "Nothing holds it back."
        )
        yield NextAction(f"{move.label}: the way is clear", why, "good", move.label, move=move.to)


def _files(facts: Facts, has: Has) -> Iterator[NextAction]:
    if facts.missing_files and has("migrations_runner.change_migrationscript"):
        many = f"{facts.missing_files} migration script{'s' * (facts.missing_files > 1)}"
        yield NextAction(
            f"Attach the files of {many}",
            "The plan names them; without their text a run is refused.",
            "warn",
            "Attach files",
            reverse("attach-scripts", args=[facts.release.slug]),
        )


def _item(facts: Facts, has: Has) -> Iterator[NextAction]:
    if facts.item is not None and has("checklists.tick_item"):
        yield NextAction(
            facts.item.text,
            f"The next open item of “{facts.item.checklist}”.",
            "active",
            "Go to it",
            _item_url(facts.release, facts.item),
        )


def _nothing(facts: Facts) -> NextAction:
    if facts.item is None:
        return NextAction("Nothing waits for you", "Every item is settled.", "good")
    why = f"The team is at “{facts.item.text}” ({facts.item.checklist})."
    return NextAction("Nothing waits for you", why, "quiet")


def _dial_url(release: Release, dial: Dial) -> str:
    return reverse("dial", args=[release.slug, dial.state.pk])


def _item_url(release: Release, item: ChecklistItem) -> str:
    return f"{reverse('tick-board', args=[release.slug])}#item-{item.pk}"
