"""Changes of flags that wait, and flags that move, over the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema
from pydantic import AwareDatetime

from flags.changing import proposing, samples, scheduling, transfer
from flags.changing.lookup import find_environment, find_flag
from flags.changing.publishing import published
from flags.core.percent import parse_percent
from flags.core.specs import flag_from
from flags.models import ProposedChange, ScheduledChange, UserSample
from flags.states import ChangeState
from releasecontrol import samples as asking
from releasecontrol.api.auth import caller

router = Router(tags=["flag changes"])

_NEWEST = 200


class ProposalOut(Schema):
    id: int
    flag: str
    segment: str = Field(description="The segment that it changes; empty: it changes the flag")
    environment: str
    state: str
    outcome: str
    reason: str
    differences: list[str]
    approved_by: list[str]
    approvals_needed: int
    approved: bool
    created_at: datetime


class NoteIn(Schema):
    note: str = Field("", max_length=500)


class ScheduleIn(Schema):
    environment: str
    change: dict[str, Any] = Field(
        description='{"verb": "turn_dial", "to": "12.5"}, {"verb": "switch", "on": false} or '
        '{"verb": "kill"}'
    )
    due_at: AwareDatetime = Field(description="With its time zone, such as 2027-01-31T09:00:00Z")
    reason: str = Field(min_length=1, max_length=2000)


class ScheduledOut(Schema):
    id: int
    flag: str
    environment: str
    what: str
    due_at: datetime
    state: str
    outcome: str
    reason: str


class CopyIn(Schema):
    source: str
    environment: str
    reason: str = Field("", max_length=2000)
    content: str = Field("", description="What the preview answered; empty: only preview")


class MoveOut(Schema):
    flag: str
    differences: list[str]
    content: str
    lets_more_in: bool
    done: bool


class ImportIn(Schema):
    file: dict[str, Any]
    reason: str = Field("", max_length=2000)
    hashes: dict[str, str] | None = Field(
        None, description="The preview's content by flag; without it nothing is changed"
    )


class SampleIn(Schema):
    name: str = Field(min_length=1, max_length=100)
    text: str = Field("", description="A key a line, or a table with a column targetingKey")
    target: str = Field("", description="Or ask this target …")
    query: str = Field("", description="… with this query; a worker answers")


class SampleOut(Schema):
    name: str
    users: int
    awaited: bool
    error: str


class BlastIn(Schema):
    environment: str
    sample: str
    to: str = Field(description="A percentage: what turning the dial there would do")


class BlastOut(Schema):
    sample: int
    enter: int
    leave: int
    move: int
    inside_before: int
    inside_after: int


# --- Proposals ----------------------------------------------------------------------------------
@router.get("/proposals", response=list[ProposalOut])
def proposals(request: HttpRequest, state: ChangeState = ChangeState.WAITING) -> Any:
    """The newest proposals of a state."""
    caller(request).require("flags.view_flag")
    found = ProposedChange.objects.filter(state=state).select_related("of__flag", "of__environment")
    return [_proposal(one) for one in found[:_NEWEST]]


@router.get("/proposals/{number}", response=ProposalOut)
def one_proposal(request: HttpRequest, number: int) -> Any:
    caller(request).require("flags.view_flag")
    return _proposal(_find_proposal(number))


@router.post("/proposals/{number}/approve", response=ProposalOut)
def approve(request: HttpRequest, number: int, body: NoteIn) -> Any:
    found = _find_proposal(number)
    actor = caller(request, environment=found.of.environment.slug)
    return _proposal(proposing.approve(proposal=found, actor=actor, note=body.note))


@router.post("/proposals/{number}/carry_out", response=ProposalOut)
def carry_out(request: HttpRequest, number: int) -> Any:
    """Make an approved change true, exactly as it was approved."""
    found = _find_proposal(number)
    actor = caller(request, environment=found.of.environment.slug)
    return _proposal(proposing.carry_out(proposal=found, actor=actor))


@router.post("/proposals/{number}/withdraw", response=ProposalOut)
def withdraw(request: HttpRequest, number: int) -> Any:
    found = _find_proposal(number)
    actor = caller(request, environment=found.of.environment.slug)
    return _proposal(proposing.withdraw(proposal=found, actor=actor))


# --- Schedules ----------------------------------------------------------------------------------
@router.get("/scheduled_changes", response=list[ScheduledOut])
def scheduled(request: HttpRequest, state: ChangeState = ChangeState.WAITING) -> Any:
    """The next changes that have their time, or the last ended ones."""
    caller(request).require("flags.view_flag")
    found = ScheduledChange.objects.filter(state=state)
    return [
        _scheduled(one) for one in found.select_related("of__flag", "of__environment")[:_NEWEST]
    ]


@router.post("/flags/{key}/schedule", response=ScheduledOut)
def schedule(request: HttpRequest, key: str, body: ScheduleIn) -> Any:
    change = dict(body.change)
    if change.get("verb") == "turn_dial" and "to" in change:
        change["to"] = parse_percent(change["to"])
    planned = scheduling.schedule(
        flag=find_flag(key),
        environment=find_environment(body.environment),
        change=change,
        due_at=body.due_at,
        reason=body.reason,
        actor=caller(request, environment=body.environment),
    )
    return _scheduled(planned)


@router.post("/scheduled_changes/{number}/cancel", response=ScheduledOut)
def cancel(request: HttpRequest, number: int) -> Any:
    found = get_object_or_404(ScheduledChange.objects.select_related("of__environment"), pk=number)
    actor = caller(request, environment=found.of.environment.slug)
    return _scheduled(scheduling.cancel(scheduled=found, actor=actor))


# --- Moving -------------------------------------------------------------------------------------
@router.post("/flags/{key}/copy", response=MoveOut)
def copy(request: HttpRequest, key: str, body: CopyIn) -> Any:
    """Show what copying from another environment would change; with `content` do exactly that."""
    actor = caller(request, environment=body.environment)
    flag, source = find_flag(key), find_environment(body.source)
    destination = find_environment(body.environment)
    if not body.content:
        actor.require("flags.view_flag")
        return _move(transfer.preview_copy(flag, source, destination), done=False)
    move = transfer.copy(
        flag=flag,
        source=source,
        destination=destination,
        content=body.content,
        reason=body.reason,
        actor=actor,
    )
    return _move(move, done=True)


@router.get("/environments/{slug}/flags/export")
def export(request: HttpRequest, slug: str) -> Any:
    """All flags of an environment as a file that `import` reads."""
    caller(request).require("flags.view_flag")
    return transfer.export(find_environment(slug))


@router.post("/environments/{slug}/flags/import", response=list[MoveOut])
def import_file(request: HttpRequest, slug: str, body: ImportIn) -> Any:
    """Show what a file would change; with `hashes` take exactly that, all of it or nothing."""
    actor, environment = caller(request, environment=slug), find_environment(slug)
    if body.hashes is None:
        actor.require("flags.view_flag")
        moves, done = transfer.preview_import(environment, body.file), False
    else:
        done = True
        moves = transfer.import_file(
            environment=environment,
            content=body.file,
            hashes=body.hashes,
            reason=body.reason,
            actor=actor,
        )
    return [_move(move, done=done) for move in moves]


# --- Blast radius -------------------------------------------------------------------------------
@router.post("/samples", response=SampleOut)
def keep_sample(request: HttpRequest, body: SampleIn) -> Any:
    """Keep users to try changes on: given as text, or asked of a target by a worker."""
    actor = caller(request)
    if body.target:
        made = asking.ask(name=body.name, target=body.target, query=body.query, actor=actor)
    else:
        made = samples.upload(name=body.name, text=body.text, actor=actor)
    return _sample(made)


@router.get("/samples/{name}", response=SampleOut)
def one_sample(request: HttpRequest, name: str) -> Any:
    caller(request).require(samples.PERMISSION)
    return _sample(get_object_or_404(UserSample, name=name))


@router.post("/flags/{key}/blast_radius", response=BlastOut)
def blast_radius(request: HttpRequest, key: str, body: BlastIn) -> Any:
    """How many of a sample would enter and leave if the dial were turned."""
    caller(request).require("flags.view_flag")
    environment = find_environment(body.environment)
    document = published(environment, find_flag(key).key)
    if document is None:
        raise transfer.NothingPublished(f"{key} on {environment}.")
    after = replace(flag_from(document), dial=parse_percent(body.to))
    return samples.blast_radius(sample=body.sample, environment=environment, after=after)


def _find_proposal(number: int) -> ProposedChange:
    rows = ProposedChange.objects.select_related("of__flag", "of__environment")
    return get_object_or_404(rows, pk=number)


def _proposal(proposal: ProposedChange) -> ProposalOut:
    return ProposalOut(
        id=proposal.pk,
        flag=proposal.of.flag.key,
        segment=proposal.segment,
        environment=proposal.of.environment.slug,
        state=proposal.state,
        outcome=proposal.outcome,
        reason=proposal.reason,
        differences=proposing.lines(proposal),
        approved_by=[one.person.get_username() for one in proposing.given(proposal)],
        approvals_needed=proposing.quorum(proposal),
        approved=proposing.is_approved(proposal),
        created_at=proposal.created_at,
    )


def _scheduled(planned: ScheduledChange) -> ScheduledOut:
    return ScheduledOut(
        id=planned.pk,
        flag=planned.of.flag.key,
        environment=planned.of.environment.slug,
        what=scheduling.in_words(planned.change),
        due_at=planned.due_at,
        state=planned.state,
        outcome=planned.outcome,
        reason=planned.reason,
    )


def _move(move: transfer.Move, *, done: bool) -> MoveOut:
    return MoveOut(
        flag=move.key,
        differences=list(move.lines),
        content=move.content,
        lets_more_in=move.grows,
        done=done,
    )


def _sample(sample: UserSample) -> SampleOut:
    return SampleOut(
        name=sample.name, users=sample.users, awaited=sample.is_awaited, error=sample.error
    )
