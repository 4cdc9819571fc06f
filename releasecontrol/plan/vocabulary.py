"""The words of the field, from which a heading's meaning is told. Pure.

One row per topic, tried in order; a heading, a bold lead-in or the parent of a nested list means
the first topic whose words it holds. A plan with other words is extended here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from releasecontrol.plan.facts import GateName, ScriptRole, Severity, ShellRole, TriggerMode

Topic = Literal[
    "trigger", "alert", "metric", "tool", "smoke", "phase", "success", "timeline", "stage",
    "variable", "contact", "communication", "escalation", "pre_check", "post_check", "security",
    "objective", "strategy", "principle", "rollback", "steps",
]  # fmt: skip


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    ("trigger", _words(r"\btriggers?\b|(?:roll ?back|back ?out|abort|revert) (?:if|when)\b")),
    ("smoke", _words(r"\bsmoke\b|critical path|sanity (?:test|check)s?|health checks?")),
    ("tool", _words(r"\btools?\b|\btooling\b")),
    ("alert", _words(r"\balerts?\b|\balerting\b")),
    ("metric", _words(r"\bmetrics?\b|\bkpis?\b|\bslos?\b|\bindicators?\b")),
    ("phase", _words(r"\bbreakdown\b|work packages?|sub-?phases?|\bphases\b|workstreams?")),
    ("success", _words(r"(?:success|acceptance|exit) criteria|complete when|definition of done")),
    ("timeline", _words(r"\btimeline\b|\bcalendar\b|\bschedule\b")),
    ("stage", _words(r"\broll-?outs?\b|\bramp(?:-?up)?\b|\bcanary\b|\bstages\b")),
    ("variable", _words(r"environment variables?|\benv vars?\b|\.env\b|^variables$")),
    ("escalation", _words(r"\bescalat")),
    ("contact", _words(r"\bcontacts?\b|support team|on-?call|\bresponsib|\broles\b")),
    ("communication", _words(r"\bcommunicat|\bannounce|\bnotif")),
    ("pre_check", _words(r"\bpre-?migration|before (?:the )?migration")),
    ("post_check", _words(r"\bpost-?migration|after (?:the )?migration")),
    ("security", _words(r"\bsecurity\b")),
    ("objective", _words(r"\bobjectives?\b|\bgoals\b")),
    ("rollback", _words(r"\broll ?backs?\b|\bback-?out\b|\brevert")),
    ("strategy", _words(r"\bstrategy\b|\bapproach\b")),
    ("principle", _words(r"\bphilosophy\b|\bprinciples?\b|\bassumptions?\b|\bconstraints?\b")),
    ("steps", _words(r"\bsteps\b|\bprocedures?\b")),
)  # fmt: skip

# "Week 2: Gradual Rollout" or "12C: Feature Flags" names a part; its meaning is the parent's.
_PART = _words(
    r"^(?:phase\s+)?(?:\d+[a-z]|[a-z]\d+)\b\s*[:.)–—-]|^(?:week|day|stage|phase|step)\s+\d+\b\s*(?:[:.)–—-]|$)"
)
_NUMBERING = re.compile(r"^\d+(?:\.\d+)*[.)]?\s+")

_STRONG_GATES: tuple[tuple[GateName, re.Pattern[str]], ...] = (
    ("rollback", _words(r"\broll ?back|\bback-?out\b|\brevert")),
    ("start", _words(r"\bpre(?:-|flight)|\bbefore\b|prerequisite|\breadiness\b|security review")),
    ("complete", _words(r"\bpost-|\bafter\b|complete when|\bcriteria\b|sign-?off|of done\b")),
    ("progress", _words(r"\bduring\b|\bcutover (?:steps|window)|\bday of\b")),
)  # fmt: skip
_WEAK_GATES: tuple[tuple[GateName, re.Pattern[str]], ...] = (
    ("start", _words(r"\bprepar|\bassessment\b|\bplanning\b|\bcoordination\b|\bset-?up\b")),
    ("progress", _words(r"\bsteps\b|\bexecution\b|\bcutover\b|\bprocedure\b")),
)

_SEVERITIES: tuple[tuple[Severity, re.Pattern[str]], ...] = (
    ("critical", _words(r"\bcritical\b|\bpage\b|\burgent\b|\bp1\b|\bsev-?1\b")),
    ("warning", _words(r"\bwarn|\bp2\b|\bsev-?2\b")),
    ("info", _words(r"\binfo|\bnotice\b")),
)
_AUTOMATIC = _words(r"\bauto(?:matic(?:ally)?)?\b")

_SHELL_ROLES: tuple[tuple[ShellRole, re.Pattern[str]], ...] = (
    ("rollback", _words(r"\broll ?back|\bback-?out\b|\brevert|\bemergency\b")),
    ("migrate", _words(r"\bmigrat|\bdatabase\b|\bschema\b")),
    ("smoke", _words(r"\bsmoke\b|critical path")),
    ("verify", _words(r"\bverif|\bvalidat|\bhealth\b|\bcheck")),
    ("build", _words(r"\bbuild|\bcompile\b|\bpackage\b")),
    ("deploy", _words(r"\bdeploy|\brelease\b|\bpublish\b")),
    ("run", _words(r"\brun\b|\bstart\b|\bserve\b")),
)
_UNDO_NAME = _words(r"roll-?_?back|revert|undo|(?:^|[._-])down(?:[._-]|$)")
_DATA_NAME = _words(r"(?:^|[._/-])data(?:[._-]|$)|backfill|seed|populate")
_DATA_COMMENT = _words(
    r"\bdata migration\b|\bbackfill|\bseed\b|\bpopulate\b|\bmove (?:the )?data\b"
)


def topic_of(label: str) -> Topic | None:
    """The meaning of one heading or lead-in, or None where only the parent can tell.

    >>> topic_of("Rollback Triggers"), topic_of("3. Rollout plan"), topic_of("Week 2: Ramp")
    ('trigger', 'stage', None)
    """
    label = _NUMBERING.sub("", label)
    if _PART.search(label):
        return None
    return next((topic for topic, words in _TOPICS if words.search(label)), None)


def names_a_part(label: str) -> bool:
    """Whether a label numbers a part (12C:, Week 2:) instead of naming a matter."""
    return bool(_PART.search(label))


def gate_of(labels: Sequence[str]) -> GateName:
    """Which gate a checkbox belongs to; labels deepest first. Nothing told: ``complete``.

    Words such as "pre-" or "after" anywhere in the path weigh more than words such as "steps".

    >>> gate_of(["Code", "Pre-Deployment"]), gate_of(["Post-Rollback Checks", "Rollback"])
    ('start', 'rollback')
    """
    for table in (_STRONG_GATES, _WEAK_GATES):
        for label in labels:
            for gate, words in table:
                if words.search(label):
                    return gate
    return "complete"


def severity_of(labels: Sequence[str]) -> Severity:
    """The nearest severity word; ``warning`` where the plan names none."""
    for label in labels:
        for severity, words in _SEVERITIES:
            if words.search(label):
                return severity
    return "warning"


def mode_of(labels: Sequence[str]) -> TriggerMode:
    """Automatic only where the plan says so: a machine never acts on a guess."""
    return "automatic" if any(_AUTOMATIC.search(label) for label in labels) else "manual"


def shell_role_of(labels: Sequence[str]) -> ShellRole:
    """What a block of commands is for; labels deepest first."""
    for label in labels:
        for role, words in _SHELL_ROLES:
            if words.search(label):
                return role
    return "other"


def script_role_of(path: str, comment: str, *, in_rollback: bool) -> ScriptRole:
    """What a named script does, by its place, its name and the comment above it.

    >>> script_role_of("003_backfill_books.sql", "", in_rollback=False)
    'data'
    """
    if in_rollback or _UNDO_NAME.search(path):
        return "rollback"
    return "data" if _DATA_NAME.search(path) or _DATA_COMMENT.search(comment) else "schema"
