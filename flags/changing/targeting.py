"""Who gets what before the dial is asked: rules, overrides and prerequisites of a flag.

Every verb here is one edit of the flag's plain values: what stands is read under the row's lock,
the edit makes what shall be, and that is checked, written and published whole. So all of them
refuse the same faults, ask the same gate where they let more users in, become proposals where
others have to approve, and say the same kind of sentence on the timeline.

Refused
├── ChangedSince         somebody was faster; what was typed is not lost
├── NoSuchRule
├── NoSuchOverride
└── NoSuchVariant
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from checklists import gates
from checklists.states import GateName
from flags.changing import replacing
from flags.changing.proposing import LONGEST_REASON, content_hash, proposable
from flags.changing.publishing import publish
from flags.changing.reaching import publish_everywhere
from flags.changing.reading import spec_of
from flags.changing.rollout import ReasonMissing
from flags.core.differences import differences
from flags.core.exposure import grows
from flags.core.specs import FlagSpec, OverrideSpec, PrerequisiteSpec, RuleSpec, flag_document
from flags.models import Flag, FlagState, RulesetEntry
from releases import timeline
from releases.models import Environment
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

PERMISSION = "flags.target_users"
_TOLD = 20
"""Lines of a difference that go on the timeline."""

Edit = Callable[[FlagSpec], FlagSpec]


class ChangedSince(Refused):
    """Somebody changed this flag since you opened the page; nothing of yours was written."""


class NoSuchRule(Refused):
    """There is no rule at that place; nothing was changed."""


class NoSuchOverride(Refused):
    """There is no override of that key; nothing was changed."""


class NoSuchVariant(Refused):
    """This flag has no such variant; nothing was changed."""


@dataclass(frozen=True)
class Changed:
    """What a verb did: the state, what differs in words, and what stands now."""

    state: FlagState
    lines: tuple[str, ...]
    after: FlagSpec

    @property
    def changed(self) -> bool:
        return bool(self.lines)


@proposable
@transaction.atomic
def change(
    *,
    flag: Flag,
    environment: Environment,
    edit: Edit,
    reason: str,
    actor: Actor,
    known: str = "",
) -> Changed:
    """Make a flag in one environment what `edit` makes of it.

    `known` is the `fingerprint` of what the person saw; where something else stands by now,
    ChangedSince says who was faster. Prerequisites belong to the flag, so they reach every
    environment. Raises ReasonMissing, NotPermitted, GateClosed, replacing's refusals, and
    proposing.Proposed where others have to approve.
    """
    actor.require(PERMISSION)
    if not reason.strip():
        raise ReasonMissing
    state = _take(flag, environment)
    before = spec_of(state)
    if known and known != fingerprint(before):
        raise ChangedSince(_who_was_faster(environment, flag))
    after = edit(before)
    lines = tuple(differences(before, after))
    if not lines:
        return Changed(state, (), after)
    if grows(before, after) and state.flag.release is not None:
        gates.require(state.flag.release, GateName.TURN_DIAL)
    replacing.write(state, after, reason=reason, actor=actor)
    FlagState.objects.filter(pk=state.pk).update(changed_at=Now())
    _publish(state, actor, everywhere=before.requires != after.requires)
    _announce(actor, state, lines, reason)
    return Changed(state, lines, after)


def fingerprint(spec: FlagSpec) -> str:
    """Return a hash of everything that decides about a flag in one environment."""
    return content_hash(flag_document(spec), None)


def spec(flag: Flag, environment: Environment) -> FlagSpec:
    """Return what stands now, as the rows say it."""
    return spec_of(FlagState.objects.select_related("flag").get(flag=flag, environment=environment))


# --- Edits: from what stands to what shall be ---------------------------------------------------
def adding_rule(rule: RuleSpec) -> Edit:
    """The rule is asked after those that are there."""
    return lambda spec: replace(spec, rules=(*spec.rules, rule))


def changing_rule(place: int, rule: RuleSpec) -> Edit:
    """Another rule at this place, counted from 0. Raises NoSuchRule when applied."""

    def edit(spec: FlagSpec) -> FlagSpec:
        _require_rule(spec, place)
        return replace(spec, rules=(*spec.rules[:place], rule, *spec.rules[place + 1 :]))

    return edit


def removing_rule(place: int) -> Edit:
    def edit(spec: FlagSpec) -> FlagSpec:
        _require_rule(spec, place)
        return replace(spec, rules=(*spec.rules[:place], *spec.rules[place + 1 :]))

    return edit


def moving_rule(place: int, to: int) -> Edit:
    """The rule is asked at another place; both are counted from 0, and `to` is clipped."""

    def edit(spec: FlagSpec) -> FlagSpec:
        _require_rule(spec, place)
        rest = [*spec.rules[:place], *spec.rules[place + 1 :]]
        rest.insert(max(0, to), spec.rules[place])
        return replace(spec, rules=tuple(rest))

    return edit


def overriding(key: str, variant: str, until: datetime | None = None) -> Edit:
    """This targeting key gets this variant, whatever stood for it before."""

    def edit(spec: FlagSpec) -> FlagSpec:
        if variant not in {one.name for one in spec.variants}:
            raise NoSuchVariant(f"Given: “{variant[:60]}”.")
        others = (one for one in spec.overrides if one.key != key)
        made = sorted((*others, OverrideSpec(key, variant, until)), key=lambda one: one.key)
        return replace(spec, overrides=tuple(made))

    return edit


def lifting(key: str) -> Edit:
    """Take an override away. Raises NoSuchOverride when applied."""

    def edit(spec: FlagSpec) -> FlagSpec:
        left = tuple(one for one in spec.overrides if one.key != key)
        if len(left) == len(spec.overrides):
            raise NoSuchOverride(f"Given: “{key[:60]}”.")
        return replace(spec, overrides=left)

    return edit


def requiring(prerequisites: Iterable[PrerequisiteSpec]) -> Edit:
    """The flag stands on exactly these."""
    wanted = tuple(prerequisites)
    return lambda spec: replace(spec, requires=wanted)


def becoming(wanted: FlagSpec) -> Edit:
    """Everything as given; a kill is neither set nor lifted by that."""
    return lambda spec: replace(
        wanted, killed=spec.killed, dial=0 if spec.killed else wanted.dial, kind=spec.kind
    )


def _require_rule(spec: FlagSpec, place: int) -> None:
    if not 0 <= place < len(spec.rules):
        raise NoSuchRule(f"Place {place + 1} of {len(spec.rules)}.")


# --- What every change does ---------------------------------------------------------------------
def _take(flag: Flag, environment: Environment) -> FlagState:
    FlagState.objects.get_or_create(flag=flag, environment=environment)
    locked = FlagState.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("flag__release", "environment").get(
        flag=flag, environment=environment
    )


def _publish(state: FlagState, actor: Actor, *, everywhere: bool) -> None:
    if everywhere:
        publish_everywhere(state.flag, actor.name)
    else:
        publish(state.environment, flags=[state.flag], actor_name=actor.name)


def _who_was_faster(environment: Environment, flag: Flag) -> str:
    newest = RulesetEntry.objects.filter(
        environment=environment, kind=RulesetEntry.Kind.FLAG, key=flag.key, current=True
    ).first()
    if newest is None:
        return ""
    return f"{newest.actor_name or 'Somebody'}, at {newest.at:%Y-%m-%d %H:%M} UTC."


def _announce(actor: Actor, state: FlagState, lines: tuple[str, ...], reason: str) -> None:
    timeline.record(
        actor=actor,
        verb="flag.target",
        subject=state,
        release=state.flag.release,
        environment=state.environment,
        data={
            "flag": state.flag.key,
            "changes": list(lines[:_TOLD]),
            "reason": redact(reason.strip())[:LONGEST_REASON],
        },
    )
