"""Segments and the archive: what is shared by flags, and what is put away.

Refused
├── SegmentFaulty
├── SegmentInUse
├── FlagInUse
└── StillExposed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from flags.changing.proposing import proposable
from flags.changing.publishing import publish
from flags.changing.reaching import publish_segment, segment_facts, void_of_segment
from flags.changing.reading import flag_specs
from flags.changing.rollout import ReasonMissing
from flags.core.exposure import lets_anybody_in
from flags.core.faults import segment_faults
from flags.core.specs import ConditionSpec, SegmentSpec, condition_document
from flags.models import Flag, Segment
from releases import timeline
from releases.models import Environment
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

PERMISSION = "flags.target_users"


class SegmentFaulty(Refused):
    """This segment can't be; nothing was changed."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(faults))


class SegmentInUse(Refused):
    """Rules still name this segment; nothing was changed."""


class FlagInUse(Refused):
    """Other flags stand on this one; nothing was changed."""


class StillExposed(Refused):
    """This flag still lets users in, and whoever asks for it will get the default of their code.

    Confirm that this is meant. Nothing was changed.
    """


@proposable
@transaction.atomic
def save_segment(
    *,
    key: str,
    name: str,
    conditions: Iterable[ConditionSpec],
    reason: str,
    actor: Actor,
    purpose: str = "",
) -> Segment:
    """Make a segment, or make the one of this key what is given; every environment is told.

    Raises SegmentFaulty, ReasonMissing, NotPermitted, and proposing.Proposed where it is used by
    flags whose changes others have to approve.
    """
    actor.require(PERMISSION)
    if not reason.strip():
        raise ReasonMissing
    wanted = SegmentSpec(key, tuple(conditions))
    segment = _locked(key) or Segment(key=key)
    created = segment.pk is None
    before = {} if created else segment_facts(segment)
    segment.name, segment.purpose, segment.archived_at = name.strip(), purpose, None
    segment.conditions = [condition_document(one) for one in wanted.conditions]
    _require_possible(segment, wanted)
    segment.save()
    publish_segment(segment, before, actor.name)
    void_of_segment(key)
    _announce(actor, "segment.create" if created else "segment.edit", segment, reason)
    return segment


@transaction.atomic
def archive_segment(*, segment: Segment, reason: str, actor: Actor) -> Segment:
    """Put a segment away. Raises SegmentInUse, ReasonMissing, NotPermitted."""
    actor.require(PERMISSION)
    if not reason.strip():
        raise ReasonMissing
    taken = _locked(segment.key) or segment
    users = sorted({str(rule.state) for rule in taken.rules.select_related("state__flag")})
    if users:
        raise SegmentInUse(f"Used by {', '.join(users[:5])}.")
    Segment.objects.filter(pk=taken.pk, archived_at=None).update(archived_at=Now())
    taken.refresh_from_db()
    publish_segment(taken, {}, actor.name)
    void_of_segment(taken.key)
    _announce(actor, "segment.archive", taken, reason)
    return taken


@transaction.atomic
def archive_flag(*, flag: Flag, reason: str, actor: Actor, confirmed: bool = False) -> Flag:
    """Put a flag away: it has no answer any more, in any environment.

    Raises FlagInUse, StillExposed unless `confirmed`, ReasonMissing, NotPermitted.
    """
    actor.require("flags.change_flag")
    if not reason.strip():
        raise ReasonMissing
    taken = Flag.objects.select_for_update(of=("self",), no_key=True).get(pk=flag.pk)
    above = taken.required_by.filter(flag__archived_at=None).select_related("flag")
    if names := sorted(one.flag.key for one in above):
        raise FlagInUse(f"{', '.join(names[:5])}.")
    exposed = _exposed_on(taken)
    if exposed and not confirmed:
        raise StillExposed(f"On {', '.join(exposed)}.")
    Flag.objects.filter(pk=taken.pk, archived_at=None).update(archived_at=Now())
    return _put(taken, "flag.archive", reason, actor)


@transaction.atomic
def restore_flag(*, flag: Flag, reason: str, actor: Actor) -> Flag:
    """Take a flag back from the archive, as it stood. Raises ReasonMissing, NotPermitted."""
    actor.require("flags.change_flag")
    if not reason.strip():
        raise ReasonMissing
    taken = Flag.objects.select_for_update(of=("self",), no_key=True).get(pk=flag.pk)
    Flag.objects.filter(pk=taken.pk).update(archived_at=None)
    return _put(taken, "flag.restore", reason, actor)


def _exposed_on(flag: Flag) -> list[str]:
    return [
        environment.name
        for environment in Environment.objects.all()
        if any(map(lets_anybody_in, flag_specs(environment, [flag])))
    ]


def _put(flag: Flag, verb: str, reason: str, actor: Actor) -> Flag:
    flag.refresh_from_db()
    for state in flag.states.select_related("environment"):
        publish(state.environment, flags=[flag], actor_name=actor.name)
    data = {"reason": redact(reason.strip())}
    timeline.record(actor=actor, verb=verb, subject=flag, release=flag.release, data=data)
    return flag


def _require_possible(segment: Segment, wanted: SegmentSpec) -> None:
    faults = segment_faults(wanted)
    try:
        segment.full_clean(exclude=["conditions"])
    except ValidationError as wrong:
        faults = [*wrong.messages, *faults]
    if faults:
        raise SegmentFaulty(faults)


def _locked(key: str) -> Segment | None:
    rows = Segment.objects.select_for_update(of=("self",), no_key=True)
    return rows.filter(key=key.replace("\x00", "")).first()


def _announce(actor: Actor, verb: str, segment: Segment, reason: str) -> None:
    data = {"reason": redact(reason.strip()), "conditions": segment.conditions[:20]}
    timeline.record(actor=actor, verb=verb, subject=segment, data=data)
