"""What an import would do, before anybody confirms it. Reads only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from releasecontrol.plan import apply as importer
from releasecontrol.plan import dial as dials
from releasecontrol.plan import linting
from releasecontrol.plan import scripts as script_files
from releasecontrol.plan.compare import Change, Changes
from releasecontrol.plan.facts import Finding, LineMapping, Plan
from releasecontrol.plan.kinds import KINDS
from releasecontrol.plan.parse import counts
from releasecontrol.plan.row import Row, Rows, clip
from releasecontrol.plan.rows import rows_of
from releases.models import PlanEntry, Release
from releases.states import RELEASE

_SIDE_BY_SIDE = 200
_PLURALS = {"Timeline entry": "Timeline entries", "Flag code": "Flag code"}

#: What others rely on in the command's output: these names, and no others.
COUNTED = (
    "items",
    "stages",
    "triggers",
    "alerts",
    "metrics",
    "scripts",
    "smoke_tests",
    "variables",
    "timeline",
    "not_understood",
)


@dataclass(frozen=True)
class Group:
    """Rows of one kind, for people: (line, text, particulars)."""

    title: str
    rows: list[tuple[int | None, str, str]]


@dataclass(frozen=True)
class Preview:
    """Everything that a person should see before confirming, and what the command prints."""

    slug: str
    release: Release | None
    plan: Plan
    counts: dict[str, int]
    groups: list[Group]
    findings: list[Finding]
    changes: list[Changes]
    awaiting: list[str]
    seen: str
    unchanged: bool
    refusal: str = ""
    unmatched: list[str] = field(default_factory=list)

    @property
    def not_understood(self) -> tuple[LineMapping, ...]:
        return self.plan.not_understood

    @property
    def news(self) -> list[Changes]:
        """The tables that differ from what is stored; empty for a new release."""
        return [table for table in self.changes if table] if self.release else []

    @property
    def difference(self) -> dict[str, Any]:
        """The same as plain values, by the table's title."""
        return {table.kind.title: _difference(table) for table in self.news}


def preview(plan: Plan, *, slug: str, source_bytes: bytes, scripts: Mapping[str, str]) -> Preview:
    """Lay a plan beside the release `slug`, if there is one. Raises SlugRefused."""
    importer.require_slug(slug)
    release = Release.objects.filter(slug=slug).first()
    newest = importer.newest_document(release)
    unchanged = newest is not None and newest.sha256 == hashlib.sha256(source_bytes).hexdigest()
    last = importer.last_plan(newest)
    dial = dials.look(plan, slug, release)
    changes = importer.differences(plan, last=last, release=release, dial=dial)
    ended = release is not None and release.state in RELEASE.final and not unchanged
    return Preview(
        slug=slug,
        release=release,
        plan=plan,
        counts=counts(plan),
        groups=groups_of(dials.settle(rows_of(plan), plan, dial)),
        findings=_findings(plan, dial),
        changes=[] if unchanged else changes,
        awaiting=_awaiting(plan, release, scripts),
        seen=newest.sha256 if newest else "",
        unchanged=unchanged,
        refusal=importer.ReleaseHasEnded().message if ended else "",
        unmatched=_unmatched(plan, scripts),
    )


def groups_of(rows: Rows) -> list[Group]:
    """Every row of a plan, by kind; plain entries by their own kinds. Findings stand apart."""
    groups = [
        Group(KINDS[name].title, [_shown(name, row) for row in wanted])
        for name, wanted in rows.items()
        if name not in {"entries", "checklists"} and wanted
    ]
    for kind in PlanEntry.Kind:
        wanted = [row for row in rows["entries"] if row.fields["kind"] == kind]
        if wanted and kind != PlanEntry.Kind.FINDING:
            groups.append(
                Group(_plural(str(kind.label)), [_shown("entries", row) for row in wanted])
            )
    return groups


def as_json(seen: Preview) -> dict[str, Any]:
    """The preview as plain values; the keys are part of the command's contract."""
    plan = seen.plan
    return {
        "release": seen.slug,
        "title": seen.release.title if seen.release else plan.title,
        "counts": {name: seen.counts[name] for name in COUNTED},
        "details": {
            "sql_blocks": len(plan.sql_blocks),
            "script_files": len(plan.script_files),
            "metrics_with_goal": sum(metric.goal is not None for metric in plan.metrics),
            "success_criteria": len(plan.success_criteria),
            "contacts": len(plan.contacts),
            "sql_variables": sorted(
                {name for block in plan.sql_blocks for name in block.variables}
            ),
        },
        "awaiting_files": seen.awaiting,
        "unmatched_files": seen.unmatched,
        "repaired_lines": list(plan.repaired_lines),
        "findings": [
            {"code": one.code, "message": one.message, "lines": list(one.lines)}
            for one in seen.findings
        ],
        "not_understood": [{"line": one.line, "text": one.text} for one in plan.not_understood],
        "difference": {table.kind.name: _difference(table) for table in seen.news},
        "unchanged": seen.unchanged,
    }


def _difference(table: Changes) -> dict[str, Any]:
    return {
        "added": [{"line": row.line, "text": row.label} for row in table.added],
        "changed": [
            {"line": one.row.line, "text": one.row.label, "fields": _fields(one)}
            for one in table.news
        ],
        "removed": [str(one) for one in table.removed],
        "kept": [str(one) for one in table.kept],
        "conflicts": [
            {"line": one.row.line, "text": one.row.label, "field": one.field}
            for one in table.conflicts
        ],
    }


def _fields(change: Change) -> list[dict[str, str]]:
    """What each field says now and what the plan says, short enough to be read side by side."""
    return [
        {
            "field": name,
            "before": clip(_in_words(change.before[name]), _SIDE_BY_SIDE),
            "after": clip(_in_words(change.values[name]), _SIDE_BY_SIDE),
        }
        for name in change.news
    ]


def _in_words(value: Any) -> str:
    """A stored value as people read it: a list's texts one after the other, no braces."""
    if isinstance(value, list):
        return "; ".join(_in_words(one) for one in value)
    if isinstance(value, dict):
        named = (f"{name}: {_in_words(one)}" for name, one in value.items() if one != "")
        return str(value.get("text") or ", ".join(named))
    return "" if value is None else str(value)


def _findings(plan: Plan, dial: dials.Dial | None) -> list[Finding]:
    taken = dial is not None and dial.taken_by is not None
    told = [dials.taken_finding(plan, dial)] if dial and taken else []
    return [*told, *plan.findings, *linting.of_plan(plan)]


def _plural(label: str) -> str:
    return _PLURALS.get(label, f"{label}s")


def _shown(name: str, row: Row) -> tuple[int | None, str, str]:
    return row.line, row.label, _PARTICULARS.get(name, _nothing)(row.fields)


def _nothing(_fields: Mapping[str, Any]) -> str:
    return ""


def _of_item(fields: Mapping[str, Any]) -> str:
    number = f"step {fields['number']}" if fields["number"] else ""
    return ", ".join(part for part in (fields["section"], number) if part)


def _of_limit(fields: Mapping[str, Any]) -> str:
    number = fields.get("goal", fields.get("limit"))
    if number is None:
        return "no number: a person decides" if "limit" in fields else "no goal"
    return f"{fields['comparison']} {number:g} {fields['unit']}".rstrip()


def _of_guardrail(fields: Mapping[str, Any]) -> str:
    consequence = fields["consequence"].replace("_", " ")
    return f"{_of_limit(fields)} → {fields['consequence_text'] or consequence}"


def _of_script(fields: Mapping[str, Any]) -> str:
    return "written out in the plan" if fields["role"] == "draft" else f"{fields['role']} script"


def _of_smoke_test(fields: Mapping[str, Any]) -> str:
    return f"{fields['method']} {fields['url']} → {fields['expected_status']}"


def _of_stage(fields: Mapping[str, Any]) -> str:
    days = fields["dwell_days"]
    return f"for {days} days" if days else "no duration"


_PARTICULARS = {
    "items": _of_item,
    "stages": _of_stage,
    "metrics": _of_limit,
    "guardrails": _of_guardrail,
    "scripts": _of_script,
    "smoke_tests": _of_smoke_test,
}


def _awaiting(plan: Plan, release: Release | None, scripts: Mapping[str, str]) -> list[str]:
    """Files that the plan names and that neither the release has nor this import brings."""
    have = set(release.scripts.exclude(text="").values_list("name", flat=True)) if release else ()
    return [
        row.fields["name"]
        for row in rows_of(plan)["scripts"]
        if "text" not in row.fields
        and row.fields["name"] not in have
        and script_files.match(row.fields["name"], row.fields["path"], scripts) is None
    ]


def _unmatched(plan: Plan, scripts: Mapping[str, str]) -> list[str]:
    names = {row.fields["name"].rsplit("/", 1)[-1] for row in rows_of(plan)["scripts"]}
    return sorted(path for path in scripts if path.rsplit("/", 1)[-1] not in names)
