"""What support needs to know of a release, in plain words and plain values. Reads, never acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from checklists import ticking
from checklists.models import Checklist
from checklists.states import SETTLED
from flags.changing import history
from flags.changing.lookup import states_of
from flags.core.evaluation import Reason, Resolution
from flags.core.specs import TARGETING_KEY
from flags.models import FlagState
from flags.serving import ruleset
from releasecontrol.board.sentences import sentence
from releases.models import Event, Release
from releases.refusals import Refused
from releases.states import ReleaseState

_S = ReleaseState

#: What is going on, said to somebody who has a user on the phone.
STATE_WORDS = {
    _S.DRAFT: "Being prepared. Nothing has changed for users.",
    _S.READY: "Prepared and waiting for the start. Nothing has changed for users.",
    _S.IN_PROGRESS: "The cutover is being carried out right now.",
    _S.ROLLING_OUT: "Live for a part of the users; the share grows in stages.",
    _S.COMPLETE: "The cutover is complete and being watched; who has it stands below.",
    _S.CLOSED: "Finished.",
    _S.ROLLED_BACK: "The release was taken back; who still has it stands below.",
    _S.CANCELLED: "Called off; who has something of it stands below.",
}

#: Who is working on it: only these are shown as current.
CURRENT = (_S.DRAFT, _S.READY, _S.IN_PROGRESS, _S.ROLLING_OUT, _S.COMPLETE)

_EVENTS = 10

REASON_WORDS = {
    Reason.STATIC: "the answer is the same for everybody",
    Reason.SPLIT: "the user's fixed place on the line against the dial",
    Reason.TARGETING_MATCH: "a rule names this user",
    Reason.DISABLED: "the flag is switched off or killed",
    Reason.UNKNOWN: "there is no user id to decide by",
}


@dataclass(frozen=True)
class Phase:
    title: str
    settled: int
    total: int

    @property
    def is_settled(self) -> bool:
        return self.settled == self.total


@dataclass(frozen=True)
class Dial:
    flag: str
    environment: str
    percent: str
    is_killed: bool
    is_enabled: bool

    @property
    def reaches_somebody(self) -> bool:
        return self.is_enabled and not self.is_killed and self.percent != "0"


@dataclass(frozen=True)
class Summary:
    """Everything on a release's status page."""

    slug: str
    title: str
    state: str
    state_label: str
    tone: str
    words: str
    phases: tuple[Phase, ...]
    dials: tuple[Dial, ...]
    next_step: str
    events: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Lookup:
    """The answer to "is this user in?" on one dial. `exposed` None: cannot tell.

    `changes` says what would make it another answer. Only the user's id is known here, so a rule
    that asks for more is told as one that would match if.
    """

    flag: str
    environment: str
    exposed: bool | None
    variant: str
    why: str
    changes: tuple[str, ...] = ()


def summarise(release: Release) -> Summary:
    """Five queries, whatever the number of items and events."""
    state = ReleaseState(release.state)
    following = ticking.next_open(release)
    dials = _dials(release)
    return Summary(
        slug=release.slug,
        title=release.title,
        state=release.state,
        state_label=state.label,
        tone=release.tone,
        words=_words(state, dials),
        phases=_phases(release),
        dials=dials,
        next_step=following.text if following else "",
        events=_events(release),
    )


#: States whose words say that users have nothing of it, which a dial can belie.
_NOTHING_YET = {_S.DRAFT, _S.READY}


def _words(state: ReleaseState, dials: tuple[Dial, ...]) -> str:
    """The state in words, unless a dial says otherwise: what users have counts."""
    if state in _NOTHING_YET and any(dial.reaches_somebody for dial in dials):
        return "Not started yet by its checklist, but a dial is open: some users have it already."
    return STATE_WORDS[state]


def look_up(release: Release, key: str) -> list[Lookup]:
    """Is the user with this targeting key in, on each dial of the release?

    Asked of the same ruleset in memory that answers applications, so both say the same.
    """
    return [_answer(state, key) for state in states_of(release)]


def _answer(state: FlagState, key: str) -> Lookup:
    name, where = state.flag.key, state.environment.name
    try:
        rules = ruleset.current(state.environment.slug)
    except (ruleset.NoRulesetYet, ruleset.UnknownEnvironment) as cannot_tell:
        return Lookup(name, where, None, "", cannot_tell.message)
    resolve = rules.flags.get(name)
    if resolve is None:
        return Lookup(name, where, None, "", rules.broken.get(name, "the flag is not loaded yet"))
    answer = resolve({TARGETING_KEY: key})
    exposed = answer.variant != rules.specs[name].off_variant
    why, changes = _why(state, key, answer)
    return Lookup(name, where, exposed, answer.variant, why, changes)


def _why(state: FlagState, key: str, answer: Resolution) -> tuple[str, tuple[str, ...]]:
    """The whole reason from the database, unless that is ahead of what applications are told."""
    in_short = REASON_WORDS[Reason(answer.reason)]
    try:
        told = history.explained(
            environment=state.environment, key=state.flag.key, context={TARGETING_KEY: key}
        ).explanation
    except Refused:
        return in_short, ()
    agrees = (told.variant, told.reason) == (answer.variant, answer.reason)
    return (told.decision, told.changes) if agrees else (in_short, ())


def _phases(release: Release) -> tuple[Phase, ...]:
    required = Q(items__required=True, items__removed_at=None)
    rows = Checklist.objects.filter(release=release).annotate(
        total=Count("items", filter=required),
        settled=Count("items", filter=required & Q(items__state__in=SETTLED)),
    )
    return tuple(Phase(row.title, row.settled, row.total) for row in rows)


def _dials(release: Release) -> tuple[Dial, ...]:
    return tuple(
        Dial(
            state.flag.key,
            state.environment.name,
            state.percent,
            state.killed_at is not None,
            state.enabled,
        )
        for state in states_of(release)
    )


def _events(release: Release) -> tuple[dict[str, Any], ...]:
    newest = Event.objects.filter(release=release).select_related("environment")[:_EVENTS]
    return tuple({"at": event.at, "text": _told(event)} for event in newest)


def _told(event: Event) -> str:
    # Without the detail: a run's error may quote SQL, which support is not shown.
    return f"{event.actor_name} {sentence(event.verb, event.subject_label, event.data).text}"
