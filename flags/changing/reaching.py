"""What reaches several environments at once: a flag's own facts, and segments.

Variants, bucketing key and prerequisites belong to the flag, conditions to the segment: a change of
them is one change, wherever it is seen. So where any environment asks for approval, one proposal
holds the difference in each of those that ask, and nothing reaches any environment before it is
approved. Where nobody asks, it is published everywhere at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from flags.changing import reading
from flags.changing.publishing import NeedsApproval, SegmentNeedsApproval, publish, published
from flags.core.specs import Document, flag_document, segment_document
from flags.models import Flag, ProposedChange, RulesetEntry, Segment
from flags.states import ChangeState
from releases.models import Environment
from releases.timeline import Actor

Differences = Mapping[str, tuple[Document | None, Document | None]]
"""Before and after, by the slug of the environment."""


class ReachNeedsApproval(NeedsApproval):
    """Other people have to approve this first; nothing was changed.

    ``elsewhere`` is what it does in other environments that ask; ``segment`` the segment's key.
    """

    def __init__(
        self,
        needs: NeedsApproval,
        *,
        elsewhere: Differences | None = None,
        environments: Iterable[str] = (),
        segment: str = "",
    ) -> None:
        super().__init__(needs.environment, needs.key, needs.before, needs.after)
        self.elsewhere = elsewhere or {}
        self.environments = sorted({*self.elsewhere, *environments} - {needs.environment.slug})
        self.segment = segment


def reach_of(needs: NeedsApproval) -> dict[str, Any]:
    """What a proposal keeps, and its hash covers, beside its two documents; often nothing."""
    if not isinstance(needs, ReachNeedsApproval):
        return {}
    reach = {
        "environments": needs.environments,
        "elsewhere": {slug: list(pair) for slug, pair in needs.elsewhere.items()},
        "segment": needs.segment,
    }
    return {name: value for name, value in reach.items() if value}


def reach_now(proposal: ProposedChange) -> dict[str, Any]:
    """The same as things stand now: of elsewhere, what is published there."""
    reach = {name: value for name, value in proposal.change.items() if name != "verb"}
    if "elsewhere" in reach:
        reach["elsewhere"] = {
            environment.slug: [
                published(environment, proposal.of.flag.key),
                reach["elsewhere"][environment.slug][1],
            ]
            for environment in Environment.objects.filter(slug__in=reach["elsewhere"])
        }
    return reach


def standing(proposal: ProposedChange) -> dict[str, Any] | None:
    """What stands now of what a proposal would change."""
    if proposal.segment:
        segment = Segment.objects.filter(key=proposal.segment).first()
        return segment_facts(segment) if segment else None
    return published(proposal.of.environment, proposal.of.flag.key)


# --- A flag -------------------------------------------------------------------------------------
def publish_everywhere(flag: Flag, actor_name: str) -> None:
    """Publish a flag wherever it has a dial. Raises `ReachNeedsApproval` for all that ask."""
    environments = [state.environment for state in _states(flag)]
    differences = {one.slug: _difference(one, flag) for one in environments}
    needs = []
    for environment in environments:
        try:
            publish(environment, flags=[flag], actor_name=actor_name)
        except NeedsApproval as found:
            needs.append(found)
    if needs:
        strictest = max(needs, key=lambda one: one.environment.flag_approvals_needed)
        elsewhere = {
            one.slug: differences[one.slug]
            for one in environments
            if one.flag_approvals_needed and one != strictest.environment
        }
        changed = {slug: (old, new) for slug, (old, new) in elsewhere.items() if old != new}
        raise ReachNeedsApproval(strictest, elsewhere=changed)


def publish_as_approved(proposal: ProposedChange, actor: Actor) -> None:
    """Publish the flag of a proposal: as approved where its approval holds, elsewhere as ever."""
    approved = {proposal.of.environment.slug, *proposal.change.get("elsewhere", {})}
    for state in _states(proposal.of.flag):
        publish(
            state.environment,
            flags=[proposal.of.flag],
            actor_name=actor.name,
            approved=state.environment.slug in approved,
        )


def is_as_shown(proposal: ProposedChange) -> bool:
    """Is published now, everywhere, what the proposal said would be?"""
    wanted = {slug: pair[1] for slug, pair in proposal.change.get("elsewhere", {}).items()}
    wanted[proposal.of.environment.slug] = proposal.after
    return all(
        (published(environment, proposal.of.flag.key) or {}) == (wanted[environment.slug] or {})
        for environment in Environment.objects.filter(slug__in=wanted)
    )


def _states(flag: Flag) -> Any:
    return flag.states.select_related("environment").order_by("environment__position")


def _difference(environment: Environment, flag: Flag) -> tuple[Document | None, Document | None]:
    after = next(map(flag_document, reading.flag_specs(environment, [flag])), None)
    return published(environment, flag.key), after


# --- A segment ----------------------------------------------------------------------------------
def segment_facts(segment: Segment) -> dict[str, Any]:
    """A segment as proposals keep it: its document, its name, and where it counts.

    ``used_by`` names the flags of environments that ask: one more, and it is another question.
    """
    return {
        **segment_document(reading.segment_spec_of(segment)),
        "name": segment.name,
        "purpose": segment.purpose,
        "archived": segment.archived_at is not None,
        "used_by": [f"{one.environment.slug}: {one.key}" for one in _users(segment.key)],
    }


def publish_segment(segment: Segment, before: Document, actor_name: str) -> None:
    """Publish a segment everywhere; `before` are its facts from before it was changed.

    Raises `ReachNeedsApproval` for all environments that ask and have flags that use it.
    """
    asking = []
    for environment in Environment.objects.all():
        try:
            publish(environment, segments=[segment], actor_name=actor_name)
        except SegmentNeedsApproval:
            asking.append(environment)
    if asking:
        strictest = max(asking, key=lambda one: one.flag_approvals_needed)
        user = _users(segment.key).filter(environment=strictest)[0]
        needs = NeedsApproval(strictest, user.key, before, segment_facts(segment))
        slugs = (one.slug for one in asking)
        raise ReachNeedsApproval(needs, environments=slugs, segment=segment.key)


def write_segment(proposal: ProposedChange, actor: Actor) -> None:
    """Make a segment what a proposal says, everywhere; others that wait for it are void."""
    segment = Segment.objects.get(key=proposal.segment)
    after = proposal.after
    segment.name, segment.purpose, segment.archived_at = after["name"], after["purpose"], None
    segment.conditions = after["conditions"]
    segment.save(update_fields=["name", "purpose", "archived_at", "conditions"])
    for environment in Environment.objects.all():
        publish(environment, segments=[segment], actor_name=actor.name, approved=True)
    void_of_segment(segment.key)


def void_of_segment(key: str) -> None:
    """What was proposed on an older segment is not what would happen any more."""
    waiting = ProposedChange.objects.filter(state=ChangeState.WAITING, change__segment=key)
    waiting.update(
        state=ChangeState.VOID, ended_at=Now(), outcome="The segment was changed meanwhile."
    )


def take_segment(key: str) -> None:
    """Lock the segment that a proposal changes, if it is one's."""
    if key:
        rows = Segment.objects.select_for_update(of=("self",), no_key=True)
        rows.filter(key=key).first()


def names_in_words(proposal: ProposedChange) -> list[str]:
    """What a proposed segment changes beside its conditions."""
    before, after = proposal.before, proposal.after
    return [
        f"{name.capitalize()}: {before[name] or '(empty)'} → {after[name] or '(empty)'}."
        for name in ("name", "purpose")
        if before[name] != after[name]
    ]


def _users(key: str) -> QuerySet[RulesetEntry]:
    """The published flags with a rule that names a segment, where changes need approval."""
    return (
        RulesetEntry.objects.filter(
            environment__flag_approvals_needed__gt=0,
            kind=RulesetEntry.Kind.FLAG,
            current=True,
            document__rules__contains=[{"segments": [key]}],
        )
        .select_related("environment")
        .order_by("environment__slug", "key")
    )
