"""Flags moved: from one environment to another, into a file, and out of one.

What moves are the published documents. Nothing is written before it was shown: a preview carries
the hash of what stands and what would be, and the verb refuses when either is another by then. A
file is taken whole or not at all.

Refused
├── NothingPublished
├── NotAnExport
├── replacing.Impossible
└── proposing.ChangedMeanwhile
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from checklists import gates
from checklists.states import GateName
from flags.changing import replacing
from flags.changing.proposing import ChangedMeanwhile, content_hash, proposable
from flags.changing.publishing import publish, published
from flags.changing.reaching import publish_everywhere
from flags.changing.rollout import ReasonMissing
from flags.core.differences import differences
from flags.core.exposure import grows
from flags.core.specs import (
    FORMAT,
    FlagSpec,
    SegmentSpec,
    UnknownDocument,
    condition_document,
    flag_document,
    flag_from,
    segment_from,
)
from flags.models import Flag, FlagState, RulesetEntry, RulesetRevision, Segment
from flags.models.flags import key_validator
from releases import timeline
from releases.models import Environment
from releases.refusals import Refused
from releases.timeline import Actor

MOST_FLAGS = 10_000


class NothingPublished(Refused):
    """This flag has no settings there to copy; nothing was changed."""


class NotAnExport(Refused):
    """This is not a file of flags that this version can read; nothing was changed."""


@dataclass(frozen=True)
class Move:
    """What a flag would become in an environment: for people the lines, for the verb the hash."""

    key: str
    after: FlagSpec
    lines: tuple[str, ...]
    content: str
    grows: bool


# --- From one environment to another ------------------------------------------------------------
def preview_copy(flag: Flag, source: Environment, destination: Environment) -> Move:
    """Say what copying would change. A kill and the salt stay what they are where it goes.

    Raises NothingPublished.
    """
    document = published(source, flag.key)
    if document is None:
        raise NothingPublished(f"{flag.key} on {source}.")
    return _move(destination, flag_from(document))


@proposable
@transaction.atomic
def copy(
    *,
    flag: Flag,
    source: Environment,
    destination: Environment,
    content: str,
    reason: str,
    actor: Actor,
) -> Move:
    """Make a flag the same in `destination` as it is in `source`.

    `content` is the preview's. Raises NothingPublished, ChangedMeanwhile, ReasonMissing,
    NotPermitted, GateClosed, and what replacing refuses.
    """
    actor.require("flags.turn_dial")
    actor.require("flags.target_users")
    if not reason.strip():
        raise ReasonMissing
    state = _take(flag, destination)
    move = preview_copy(flag, source, destination)
    if move.content != content:
        raise ChangedMeanwhile
    _write(state, move, reason, actor)
    _announce(actor, "flag.copy", state, move, {"from": source.slug, "reason": reason})
    return move


# --- Files --------------------------------------------------------------------------------------
def export(environment: Environment, keys: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the flags (all, or those named) of an environment and the segments, as published."""
    entries = RulesetEntry.objects.filter(environment=environment, current=True)
    documents = [entry for entry in entries.order_by("key") if entry.document is not None]
    wanted = None if keys is None else set(keys)
    revision = RulesetRevision.objects.filter(environment=environment).first()
    return {
        "release_control_flags": FORMAT,
        "environment": environment.slug,
        "revision": revision.revision if revision else 0,
        "segments": [one.document for one in documents if one.kind == RulesetEntry.Kind.SEGMENT],
        "flags": [
            one.document
            for one in documents
            if one.kind == RulesetEntry.Kind.FLAG and (wanted is None or one.key in wanted)
        ],
    }


def read(content: Any) -> tuple[list[FlagSpec], list[SegmentSpec]]:
    """Return what a file holds. Raises NotAnExport, naming the entry that is odd."""
    if not isinstance(content, dict) or content.get("release_control_flags") != FORMAT:
        raise NotAnExport(f"Wanted: an object with release_control_flags = {FORMAT}.")
    flags, segments = content.get("flags", []), content.get("segments", [])
    if not isinstance(flags, list) or not isinstance(segments, list) or len(flags) > MOST_FLAGS:
        raise NotAnExport(f"“flags” and “segments” are lists of at most {MOST_FLAGS:,}.")
    specs = [_read("flag", place, one, flag_from) for place, one in enumerate(flags, 1)]
    groups = [_read("segment", place, one, segment_from) for place, one in enumerate(segments, 1)]
    for key in (one.key for one in (*specs, *groups)):
        _require_key(key)
    return specs, groups


def preview_import(environment: Environment, content: Any) -> list[Move]:
    """Say what a file would change in an environment, flag by flag. Raises NotAnExport."""
    specs, _ = read(content)
    return [_move(environment, spec) for spec in specs]


@transaction.atomic
def import_file(
    *, environment: Environment, content: Any, hashes: Mapping[str, str], reason: str, actor: Actor
) -> list[Move]:
    """Take a whole file into one environment; `hashes` are the preview's, by flag.

    Flags that are not here are made, with a dial in this environment only. Segments that are here
    stay as they are. Raises NotAnExport, ChangedMeanwhile, ReasonMissing, NotPermitted,
    GateClosed, NeedsApproval, and what replacing refuses.
    """
    for permission in ("flags.add_flag", "flags.turn_dial", "flags.target_users"):
        actor.require(permission)
    if not reason.strip():
        raise ReasonMissing
    specs, segments = read(content)
    _make_segments(segments)
    for spec in specs:  # all of them first: they may stand on each other
        _make_flag(spec)
    beside = {spec.key: spec for spec in specs}
    moves = [
        _import_one(environment, spec, hashes, beside, reason=reason, actor=actor) for spec in specs
    ]
    publish(environment, segments=list(Segment.objects.all()), actor_name=actor.name)
    return moves


def _import_one(
    environment: Environment,
    spec: FlagSpec,
    hashes: Mapping[str, str],
    beside: Mapping[str, FlagSpec],
    *,
    reason: str,
    actor: Actor,
) -> Move:
    flag = Flag.objects.get(key=spec.key)
    move = _move(environment, spec)
    state = _take(flag, environment)
    if hashes.get(spec.key) != move.content:
        raise ChangedMeanwhile(f"It is about {spec.key}.")
    _write(state, move, reason, actor, beside)
    _announce(actor, "flag.import", state, move, {"reason": reason})
    return move


def _make_flag(spec: FlagSpec) -> None:
    Flag.objects.get_or_create(
        key=spec.key,
        defaults={
            "name": spec.key.replace("-", " ").capitalize(),
            "kind": spec.kind,
            "bucket_by": spec.bucket_by,
            "purpose": "Imported.",
        },
    )


def _make_segments(segments: Iterable[SegmentSpec]) -> None:
    for one in segments:
        conditions = [condition_document(condition) for condition in one.conditions]
        Segment.objects.get_or_create(
            key=one.key, defaults={"name": one.key, "conditions": conditions}
        )


# --- Both ---------------------------------------------------------------------------------------
def _move(environment: Environment, spec: FlagSpec) -> Move:
    """What stands there, what would: a kill is nobody's to lift or to set by copying."""
    document = published(environment, spec.key)
    before = flag_from(document) if document else None
    killed = before is not None and before.killed
    after = replace(
        spec,
        killed=killed,
        dial=0 if killed or spec.killed else spec.dial,
        salt=before.salt if before else spec.salt,
    )
    return Move(
        key=spec.key,
        after=after,
        lines=tuple(differences(before, after)),
        content=content_hash(document, flag_document(after)),
        grows=grows(before, after),
    )


def _write(
    state: FlagState,
    move: Move,
    reason: str,
    actor: Actor,
    beside: Mapping[str, FlagSpec] | None = None,
) -> None:
    if move.grows and state.flag.release is not None:
        gates.require(state.flag.release, GateName.TURN_DIAL)
    replacing.write(state, move.after, reason=reason, actor=actor, beside=beside)
    FlagState.objects.filter(pk=state.pk).update(changed_at=Now())
    publish_everywhere(state.flag, actor.name)


def _take(flag: Flag, environment: Environment) -> FlagState:
    FlagState.objects.get_or_create(flag=flag, environment=environment)
    locked = FlagState.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("flag__release", "environment").get(
        flag=flag, environment=environment
    )


def _announce(
    actor: Actor, verb: str, state: FlagState, move: Move, facts: Mapping[str, str]
) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=state,
        release=state.flag.release,
        environment=state.environment,
        data={"flag": move.key, "changes": list(move.lines[:20]), **facts},
    )


def _read(what: str, place: int, document: Any, reader: Any) -> Any:
    if not isinstance(document, dict):
        raise NotAnExport(f"{what.capitalize()} {place} is not an object.")
    try:
        return reader(document)
    except UnknownDocument as odd:
        raise NotAnExport(f"{what.capitalize()} {place}: {odd.detail}") from None


def _require_key(key: Any) -> None:
    try:
        key_validator(key)
    except (ValidationError, TypeError):
        raise NotAnExport(f"“{str(key)[:60]}” is no key of a flag or segment.") from None
