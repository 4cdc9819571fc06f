"""A change that needs other people's yes: proposed, approved, then carried out exactly as shown.

Where an environment asks for approvals, a verb that would let more users in stops at publishing
(`NeedsApproval`) and leaves nothing behind. `proposable` turns that into a proposal: the document
that stands, the document that it would lead to, and one hash over both. Approvals count for that
hash alone. Any other change of the flag voids the proposal; killing and taking away never ask.
What reaches several environments (a flag's variants, a segment) is one proposal over all of them
that ask (`reaching.py`), and needs as many people as the one that asks for most.

Refused
├── Proposed        not done yet: it waits for other people
├── NotWaiting
├── NotApprovedYet
├── ChangedMeanwhile
└── NotYours
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import transaction
from django.db.models.functions import Now

from checklists import approvals, gates
from checklists.models import Approval
from checklists.states import GateName
from flags.changing import reaching, replacing
from flags.changing.publishing import NeedsApproval
from flags.core.differences import differences, segment_differences
from flags.core.specs import flag_from, segment_from
from flags.models import FlagState, ProposedChange
from flags.states import CHANGE, ChangeState
from releases import timeline
from releases.models import Environment
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

APPROVE = "flags.approve_change"
LONGEST_REASON = 2000

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Proposed(Refused):
    """Nothing was changed yet: it was written down as a proposal and waits for approval."""

    def __init__(self, proposal: ProposedChange) -> None:
        self.proposal = proposal
        needed = quorum(proposal)
        super().__init__(f"Proposal {proposal.pk} needs {needed} other people on {proposal.of}.")


class NotWaiting(Refused):
    """This proposal does not wait any more; nothing was changed."""


class NotApprovedYet(Refused):
    """Not enough other people have approved exactly this; nothing was changed."""


class ChangedMeanwhile(Refused):
    """What stands is not what stood when this was proposed, so the proposal is void."""


class NotYours(Refused):
    """Only its author or somebody who may approve can withdraw a proposal."""


def proposable(verb: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a verb (keywords only, with `actor` and maybe `reason`) propose where it may not act."""

    @wraps(verb)
    def act_or_propose(*args: Given.args, **given: Given.kwargs) -> Result:
        try:
            return verb(*args, **given)
        except NeedsApproval as needs:
            actor, reason = given["actor"], str(given.get("reason", ""))
            assert isinstance(actor, Actor)  # noqa: S101  (every verb has one)
            proposal = propose(needs, verb=verb.__name__, reason=reason, actor=actor)
            raise Proposed(proposal) from None

    return act_or_propose


@transaction.atomic
def propose(needs: NeedsApproval, *, verb: str, reason: str, actor: Actor) -> ProposedChange:
    """Write a change down for others to approve; the same one proposed twice is one proposal.

    The caller's verb has asked for the actor's permission before it got as far as publishing.
    Raises checklists.approvals.NobodyCouldApprove.
    """
    author_id = actor.user.pk if actor.user else None
    reach = reaching.reach_of(needs)
    needed = _most_asked([needs.environment.slug, *reach.get("environments", [])])
    approvals.require_possible(needed, author_id, permission=APPROVE)
    state = _take_state(needs.environment.pk, needs.key)
    digest = content_hash(needs.before, needs.after, reach)
    standing = state.proposals.filter(state=ChangeState.WAITING, content_hash=digest).first()
    if standing is not None:
        return standing
    proposal = ProposedChange.objects.create(
        of=state,
        change={"verb": verb, **reach},
        before=needs.before or {},
        after=needs.after or {},
        content_hash=digest,
        reason=redact(reason.strip())[:LONGEST_REASON],
        author=actor.user,
    )
    _announce(actor, "flag_change.propose", proposal)
    return proposal


@transaction.atomic
def approve(*, proposal: ProposedChange, actor: Actor, note: str = "") -> ProposedChange:
    """Say yes to exactly this difference. Raises NotWaiting and checklists.approvals' refusals."""
    taken = _take(proposal)
    approvals.approve(taken, taken.content_hash, taken.author_id, actor, note, permission=APPROVE)
    _announce(actor, "flag_change.approve", taken)
    return taken


@transaction.atomic
def withdraw(*, proposal: ProposedChange, actor: Actor) -> ProposedChange:
    """Take a proposal back, as its author or an approver. Raises NotWaiting, NotYours."""
    taken = _take(proposal)
    is_author = actor.user is not None and actor.user.pk == taken.author_id
    if not is_author and actor.user is not None and not actor.user.has_perm(APPROVE):
        raise NotYours
    _end(taken, ChangeState.WITHDRAWN, f"By {actor.name}.")
    _announce(actor, "flag_change.withdraw", taken)
    return taken


def carry_out(*, proposal: ProposedChange, actor: Actor) -> ProposedChange:
    """Make an approved change true, exactly as it was approved.

    Raises NotWaiting, NotApprovedYet, ChangedMeanwhile (and voids it), GateClosed, what
    `replacing` refuses, and NeedsApproval where an environment began to ask since.
    """
    try:
        return _carry_out(proposal, actor)
    except ChangedMeanwhile:
        _void(proposal)
        raise


def still_fits(proposal: ProposedChange) -> bool:
    """Does everything stand as it stood when this was proposed?"""
    return proposal.content_hash == content_hash(
        reaching.standing(proposal), proposal.after, reaching.reach_now(proposal)
    )


def lines(proposal: ProposedChange) -> list[str]:
    """What would change, in words."""
    before, after = proposal.before or None, proposal.after or None
    if proposal.segment:
        return [
            *segment_differences(segment_from(proposal.before), segment_from(proposal.after)),
            *reaching.names_in_words(proposal),
        ]
    return differences(before and flag_from(before), after and flag_from(after))


def quorum(proposal: ProposedChange) -> int:
    """How many other people have to say yes: the most that an environment it touches asks for."""
    return _most_asked([proposal.of.environment.slug, *proposal.change.get("environments", [])])


def is_approved(proposal: ProposedChange) -> bool:
    """Have as many others as the environment asks for approved exactly this?"""
    return approvals.met(
        proposal, proposal.content_hash, quorum(proposal), proposal.author_id, permission=APPROVE
    )


def content_hash(before: Any, after: Any, reach: Any = None) -> str:
    """SHA-256 over both documents, each with sorted keys; None and {} are the same nothing.

    `reach` is what else it does, where it does more.
    """
    parts = [before or {}, after or {}, *([reach] if reach else [])]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def given(proposal: ProposedChange) -> list[Approval]:
    """The approvals of exactly this that count now."""
    return approvals.standing(
        proposal, proposal.content_hash, proposal.author_id, permission=APPROVE
    )


@transaction.atomic
def _carry_out(proposal: ProposedChange, actor: Actor) -> ProposedChange:
    actor.require("flags.turn_dial")
    # What it changes before its proposal: in the order in which every verb takes them.
    reaching.take_segment(proposal.segment)
    state = _take_state(proposal.of.environment_id, proposal.of.flag.key)
    taken = _take(proposal)
    if not still_fits(taken):
        raise ChangedMeanwhile
    if not is_approved(taken):
        raise NotApprovedYet(_lacking(taken))
    _end(taken, ChangeState.APPLIED, f"By {actor.name}.")
    if taken.segment:
        reaching.write_segment(taken, actor)
    else:
        _write_flag(taken, state, actor)
    _announce(actor, "flag_change.carry_out", taken)
    return taken


def _write_flag(taken: ProposedChange, state: FlagState, actor: Actor) -> None:
    if state.flag.release is not None:
        gates.require(state.flag.release, GateName.TURN_DIAL)
    replacing.write(state, flag_from(taken.after), reason=taken.reason, actor=actor)
    FlagState.objects.filter(pk=state.pk).update(changed_at=Now())
    reaching.publish_as_approved(taken, actor)
    if not reaching.is_as_shown(taken):
        raise ChangedMeanwhile


@transaction.atomic
def _void(proposal: ProposedChange) -> None:
    row = ProposedChange.objects.select_for_update(of=("self",), no_key=True).get(pk=proposal.pk)
    if row.state == ChangeState.WAITING:
        _end(row, ChangeState.VOID, "What it was proposed on was changed meanwhile.")


def _most_asked(slugs: list[str]) -> int:
    rows = Environment.objects.filter(slug__in=slugs)
    return max(rows.values_list("flag_approvals_needed", flat=True), default=0)


def _lacking(proposal: ProposedChange) -> str:
    names = ", ".join(str(one.person) for one in given(proposal)) or "nobody"
    return f"{quorum(proposal)} needed; approved by {names}."


def _take(proposal: ProposedChange) -> ProposedChange:
    locked = ProposedChange.objects.select_for_update(of=("self",), no_key=True)
    taken = locked.select_related("of__flag__release", "of__environment").get(pk=proposal.pk)
    if taken.state != ChangeState.WAITING:
        raise NotWaiting(f"It is {taken.get_state_display().lower()}.")
    return taken


def _take_state(environment_id: int, key: str) -> FlagState:
    locked = FlagState.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("flag__release", "environment").get(
        environment_id=environment_id, flag__key=key
    )


def _end(proposal: ProposedChange, to: ChangeState, outcome: str) -> None:
    CHANGE.require(proposal.state, to)
    proposal.state, proposal.outcome = to, outcome
    proposal.ended_at = Now()
    proposal.save(update_fields=["state", "outcome", "ended_at"])
    proposal.refresh_from_db(fields=["ended_at"])


def _announce(actor: Actor, verb: str, proposal: ProposedChange) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=proposal,
        release=proposal.of.flag.release,
        environment=proposal.of.environment,
        data={
            "flag": proposal.of.flag.key,
            **({"segment": proposal.segment} if proposal.segment else {}),
            "proposal": proposal.pk,
            "reason": proposal.reason,
            "content": proposal.content_hash[:12],
        },
    )
