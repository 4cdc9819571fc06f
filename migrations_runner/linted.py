"""Findings of stored scripts, and what people allowed.

Refused
├── NoSuchFinding, ReasonMissing
└── AllowedAlready, NotAllowed

Lint never keeps anybody from saving a script. A finding of level error keeps it from running,
until a person says for this script and this rule why it may stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction

from migrations_runner.linting import Finding, lint
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.ddl import after
from migrations_runner.models import LintSuppression, MigrationScript, TargetReport
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from releases import timeline
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

#: A script that takes something back drops what its partner made: that is what it is for.
_TAKES_BACK = frozenset({"drop-destroys-data"})


class ReasonMissing(Refused):
    """Say why this finding may stand; nothing was changed."""


class NoSuchFinding(Refused):
    """This script has no finding of that rule; nothing was changed."""


class AllowedAlready(Refused):
    """Somebody has allowed this rule for this script already."""


class NotAllowed(Refused):
    """Nobody has allowed this rule for this script; nothing was changed."""


@dataclass(frozen=True)
class Shown:
    """A finding as people see it. `allowed` is why it may stand, `by` who said so.

    A comment in the script is by nobody we know: `by` is empty then.
    """

    finding: Finding
    allowed: str | None = None
    by: str = ""
    blocks: bool = False


def catalog_of(target: TargetDatabase | None) -> Catalog | None:
    """The target's tables as a worker last saw them; None where none has looked."""
    report = TargetReport.objects.filter(target=target).first() if target is not None else None
    if report is None or not report.catalog:
        return None
    try:
        return Catalog.from_json(report.catalog)
    except (KeyError, TypeError):
        return None  # written by another version of us: as good as not looked at


def findings_of(
    script: MigrationScript,
    target: TargetDatabase | None = None,
    variables: Mapping[str, str] | None = None,
) -> list[Shown]:
    """What lint says of a script; one that awaits its file has nothing to say.

    It is read with the tables that the target has, and those that the scripts before it in the
    release make; without a target the latter are all that is known.
    """
    if not script.text:
        return []
    before, includes = _around(script)
    found = lint(
        script.text,
        catalog=after_all(catalog_of(target), before, includes),
        variables=variables,
        includes=includes,
    )
    return shown(script, found)


def after_all(
    catalog: Catalog | None, texts: Iterable[str], includes: Mapping[str, str]
) -> Catalog | None:
    """The catalog as scripts leave it that run before. One that can't be read changes nothing."""
    for text in texts:
        try:
            catalog = after(catalog, parse_script(text, None, includes).statements)
        except ScriptRefused:
            continue
    return catalog


def _around(script: MigrationScript) -> tuple[list[str], dict[str, str]]:
    """The texts before a script in its release, and those it may include. One query."""
    rows = script.release.scripts.exclude(pk=script.pk).exclude(text="")
    others = list(rows.values_list("name", "text", "position", "role"))
    role = MigrationScript.Role.ROLLBACK
    before = [
        text
        for _, text, position, kind in sorted(others, key=lambda other: other[2])
        if position < script.position and kind != role
    ]
    return before, {name: text for name, text, _, _ in others}


def of_releases(releases: Iterable[int]) -> dict[int, list[Shown]]:
    """Findings of every script of some releases, by primary key, for lists. Two queries.

    Read as they follow each other, without a target's tables.
    """
    rows = MigrationScript.objects.filter(release__in=set(releases)).exclude(text="")
    ordered = rows.prefetch_related("suppressions").order_by("release_id", "position", "name")
    found: dict[int, list[Shown]] = {}
    for _, group in groupby(ordered, key=lambda script: script.release_id):
        scripts, tables = list(group), None
        texts = {script.name: script.text for script in scripts}
        for script in scripts:
            includes = {name: text for name, text in texts.items() if name != script.name}
            found[script.pk] = shown(script, lint(script.text, catalog=tables, includes=includes))
            if script.role != MigrationScript.Role.ROLLBACK:
                tables = after_all(tables, [script.text], includes)
    return found


def in_words(found: Sequence[Shown]) -> str:
    """How many findings of which kind nobody has allowed."""
    open_ = [each for each in found if each.allowed is None]
    blocks = sum(each.blocks for each in open_)
    told = [f"{blocks} keep it from running"] if blocks else []
    for level, word in (("warning", "warning"), ("advice", "hint")):
        count = sum(each.finding.level == level for each in open_)
        told += [f"{count} {word}{'s' if count > 1 else ''}"] if count else []
    return ", ".join(told) or "nothing found"


def shown(script: MigrationScript, found: Iterable[Finding]) -> list[Shown]:
    """The findings, each with what a person or a comment says of it."""
    allowed = {each.rule: each for each in script.suppressions.all()} if script.pk else {}
    return [_one(script, finding, allowed.get(finding.rule)) for finding in found]


def as_written(finding: Finding, *, takes_back: bool = False) -> Shown:
    """A finding of a text that is no stored script: only its own comments count."""
    meant = takes_back and finding.rule in _TAKES_BACK
    blocks = finding.level == "error" and finding.allowed is None and not meant
    return Shown(finding, finding.allowed, blocks=blocks)


def _one(script: MigrationScript, finding: Finding, allowed: LintSuppression | None) -> Shown:
    if allowed is not None:
        return Shown(finding, allowed.reason, allowed.by)
    if finding.allowed is not None:
        return Shown(finding, finding.allowed)
    return Shown(finding, blocks=finding.level == "error" and not _may_drop(script, finding))


def _may_drop(script: MigrationScript, finding: Finding) -> bool:
    takes_back = script.role == MigrationScript.Role.ROLLBACK or script.reverts_id is not None
    return takes_back and finding.rule in _TAKES_BACK


def blocking(
    scripts: Sequence[MigrationScript], target: TargetDatabase | None = None
) -> list[tuple[MigrationScript, Shown]]:
    """The findings that would keep these scripts from running, for the form that queues them."""
    return [
        (script, each) for script in scripts for each in findings_of(script, target) if each.blocks
    ]


@transaction.atomic
def suppress(*, script: MigrationScript, rule: str, reason: str, actor: Actor) -> LintSuppression:
    """Let a rule's findings stand in one script.

    Raises ReasonMissing, NoSuchFinding, AllowedAlready, NotPermitted, ValidationError.
    """
    actor.require("migrations_runner.change_migrationscript")
    script = _take(script)
    if not reason.strip():
        raise ReasonMissing
    if script.suppressions.filter(rule=rule).exists():
        raise AllowedAlready(rule)
    if rule not in _rules_found(script):
        raise NoSuchFinding(rule)
    made = LintSuppression(
        script=script, rule=rule, reason=redact(reason.strip())[:500], by=actor.name
    )
    made.full_clean()
    made.save(force_insert=True)
    _record(script, actor, "script.allow", {"rule": rule, "reason": made.reason})
    return made


@transaction.atomic
def unsuppress(*, script: MigrationScript, rule: str, actor: Actor) -> None:
    """Take an allowance back. Raises NotAllowed, NotPermitted."""
    actor.require("migrations_runner.change_migrationscript")
    script = _take(script)
    gone, _ = script.suppressions.filter(rule=rule).delete()
    if not gone:
        raise NotAllowed(rule)
    _record(script, actor, "script.disallow", {"rule": rule})


def _rules_found(script: MigrationScript) -> set[str]:
    """The rules with a finding, read without tables and with those of each target seen so far."""
    seen = TargetDatabase.objects.filter(report__isnull=False)
    return {each.finding.rule for target in (None, *seen) for each in findings_of(script, target)}


def _take(script: MigrationScript) -> MigrationScript:
    taken = MigrationScript.objects.select_for_update(of=("self",), no_key=True)
    return taken.select_related("release").get(pk=script.pk)


def _record(script: MigrationScript, actor: Actor, verb: str, data: dict[str, str]) -> None:
    timeline.record(actor=actor, verb=verb, subject=script, release=script.release, data=data)
