"""A script as its page shows it: numbered lines with what was found beside each.

A long script shows its first lines and those around a finding; the number of queries grows with
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrations_runner import linted
from migrations_runner.linting import Finding
from migrations_runner.models import MigrationScript, ScriptVersion
from releasecontrol.runs.choosing import Choice, choices
from releases.models import TargetDatabase

LINES_SHOWN = 1500
_AROUND = 3
_VERSIONS_SHOWN = 30
#: Tone and words of each level, the gravest first.
_LEVELS: dict[str, tuple[str, str]] = {
    "error": ("bad", "Keeps it from running"),
    "warning": ("warn", "Warning"),
    "advice": ("info", "Advice"),
}
_ORDER = list(_LEVELS)


@dataclass(frozen=True)
class Found:
    """A finding with its words and tone; `allowed` is why it may stand, `by` who said so."""

    finding: Finding
    tone: str
    words: str
    allowed: str | None
    by: str

    @classmethod
    def of(cls, shown: linted.Shown) -> Found:
        tone, words = _LEVELS[shown.finding.level]
        if shown.allowed is not None:
            tone, words = "quiet", "Allowed"
        elif shown.finding.level == "error" and not shown.blocks:
            tone, words = "warn", "Takes something away, as it is meant to"
        return cls(shown.finding, tone, words, shown.allowed, shown.by)


@dataclass(frozen=True)
class CodeLine:
    """One line of the text. `gap` is how many lines before it are left out."""

    number: int
    text: str
    findings: tuple[Found, ...]
    gap: int = 0


@dataclass(frozen=True)
class Page:
    """Everything on a script's page."""

    script: MigrationScript
    lines: list[CodeLine]
    findings: tuple[Found, ...]
    seen_on: TargetDatabase | None
    versions: list[ScriptVersion]
    choice: Choice | None

    @property
    def open_findings(self) -> list[Found]:
        """What nobody allowed, the gravest first."""
        left = [one for one in self.findings if one.allowed is None]
        return sorted(left, key=lambda one: (_ORDER.index(one.finding.level), one.finding.line))

    @property
    def allowed(self) -> list[Found]:
        return [one for one in self.findings if one.allowed is not None]

    @property
    def down_scripts(self) -> list[MigrationScript]:
        return list(self.script.down_scripts.defer("text"))


def show(script: MigrationScript, target: TargetDatabase | None) -> Page:
    """Read a script with the eyes of one target's catalog, where a worker has seen it."""
    findings = found_in(script, target)
    found = next(
        (one for one in choices(script.release, {script.pk}) if one.script.pk == script.pk), None
    )
    return Page(
        script=script,
        lines=list(number(script.text, findings)),
        findings=findings,
        seen_on=target,
        versions=list(script.versions.defer("text")[:_VERSIONS_SHOWN]),
        choice=found,
    )


def found_in(script: MigrationScript, target: TargetDatabase | None) -> tuple[Found, ...]:
    """What lint says of a script, read with the tables of a target."""
    return tuple(Found.of(one) for one in linted.findings_of(script, target))


def number(text: str, findings: Sequence[Found]) -> Iterator[CodeLine]:
    """The lines of a text, each with its findings; of a long text those that matter."""
    beside: dict[int, list[Found]] = defaultdict(list)
    for one in findings:
        beside[one.finding.line].append(one)
    near = {line + step for line in beside for step in range(-_AROUND, _AROUND + 1)}
    gap = 0
    for at, line in enumerate(text.split("\n"), start=1):
        if at > LINES_SHOWN and at not in near:
            gap += 1
            continue
        yield CodeLine(at, line.rstrip("\r"), tuple(beside.get(at, ())), gap)
        gap = 0


def target_for(name: str) -> TargetDatabase | None:
    """The target whose tables the linter knows: the one asked for, or the gravest that was seen."""
    seen = TargetDatabase.objects.select_related("environment", "report")
    if name:
        return seen.filter(name=name).first()
    reported = seen.filter(report__ok=True).exclude(report__catalog={})
    return reported.order_by("-environment__is_production", "environment__position").first()
