"""Facts of a plan that have no machine behind them yet, as uniform entries. Pure.

Each becomes one row that people can read beside the release: objectives, phases, dates, contacts,
variables (by name, never with a value), commands and findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from releasecontrol.plan.facts import Fact, Finding, Phase, Plan, ShellBlock, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`kind` is one of the kinds of a plan entry; `key` is unique within its kind."""

    kind: str
    key: str
    line: int | None
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    position: int = 0


def entries_of(plan: Plan) -> list[Entry]:
    """Every entry in the plan's order, numbered within its kind."""
    seen: Counter[str] = Counter()
    numbered = []
    for entry in _all(plan):
        numbered.append(_at(entry, seen[entry.kind]))
        seen[entry.kind] += 1
    return numbered


def stage_entry(stage: Stage, position: int) -> Entry:
    """A stage for which there is no dial of ours: another release has the flag."""
    data = {"percentage": float(stage.percentage), "dwell_days": stage.dwell_days}
    text = f"{stage.label}: {stage.percentage} %"
    return _at(_entry("strategy", stage, text, data), position)


def finding_entry(finding: Finding, key: str) -> Entry:
    """A finding as an entry; several of one code have keys of their own."""
    return Entry(
        kind="finding",
        key=key,
        line=finding.lines[0] if finding.lines else None,
        text=finding.message,
        data={"code": finding.code, "lines": list(finding.lines)},
    )


def _at(entry: Entry, position: int) -> Entry:
    return Entry(
        kind=entry.kind,
        key=entry.key,
        line=entry.line,
        text=entry.text,
        data=entry.data,
        position=position,
    )


def _entry(kind: str, fact: Fact, text: str, data: dict[str, Any] | None = None) -> Entry:
    return Entry(kind=kind, key=fact.key, line=fact.line, text=text or kind, data=data or {})


def _all(plan: Plan) -> Iterator[Entry]:
    yield from _head(plan)
    yield from _work(plan)
    yield from _technical(plan)
    yield from _people(plan)
    yield from _findings(plan.findings)


def _head(plan: Plan) -> Iterator[Entry]:
    for field_ in plan.fields:
        data = {"label": field_.label, "value": field_.value}
        yield _entry("header", field_, f"{field_.label}: {field_.value}", data)
    for objective in plan.objectives:
        yield _entry("objective", objective, objective.text, {"number": objective.number})


def _work(plan: Plan) -> Iterator[Entry]:
    for phase in plan.phases:
        yield _phase(phase)
    for principle in plan.principles:
        yield _entry("strategy", principle, principle.text, {"section": principle.section})
    for step in plan.steps:
        data = {"number": step.number, "section": step.section, "purpose": step.purpose}
        yield _entry("strategy", step, step.text, data)
    for check in plan.migration_checks:
        yield _entry("validation", check, check.text, {"when": check.when})
    for entry in plan.timeline:
        yield _entry(
            "timeline",
            entry,
            entry.text,
            {
                "week": entry.week,
                "week_title": entry.week_title,
                "day_from": entry.day_from,
                "day_to": entry.day_to,
                "percentage": None if entry.percentage is None else float(entry.percentage),
            },
        )


def _phase(phase: Phase) -> Entry:
    data = {
        "code": phase.code,
        "duration": phase.duration,
        "duration_days": phase.duration_days,
        "goal": phase.goal,
        "tasks": [{"text": task.text, "line": task.line} for task in phase.tasks],
        "marked_done": phase.marked_done,
    }
    return _entry("phase", phase, f"{phase.code}: {phase.title}", data)


def _technical(plan: Plan) -> Iterator[Entry]:
    for variable in plan.variables:
        data = {
            "section": variable.section,
            "is_placeholder": variable.is_placeholder,
            "comment": variable.comment,
        }
        yield _entry("variable", variable, variable.name, data)
    for tool in plan.tools:
        yield _entry("tool", tool, tool.name, {"purpose": tool.purpose})
    for statement in plan.security:
        yield _entry("security", statement, statement.text, {"section": statement.section})
    for block in plan.shell_blocks:
        yield _commands(block)
    for code in plan.flag_code:
        yield _entry("code", code, code.title, {"language": code.language, "path": code.path})
    for other in plan.code_blocks:
        yield _entry("code", other, other.title, {"language": other.language})


def _commands(block: ShellBlock) -> Entry:
    steps = [
        {"title": step.title, "line": step.line, "commands": list(step.commands)}
        for step in block.steps
    ]
    return _entry("command", block, block.title, {"role": block.role, "steps": steps})


def _people(plan: Plan) -> Iterator[Entry]:
    for contact in plan.contacts:
        data = {"role": contact.role, "is_placeholder": contact.is_placeholder}
        yield _entry("contact", contact, f"{contact.role}: {contact.text}", data)
    for message in plan.communications:
        yield _entry("communication", message, message.text, {"section": message.section})
    for step in plan.escalations:
        yield _entry("escalation", step, step.text, {"level": step.level})


def _findings(findings: tuple[Finding, ...]) -> Iterator[Entry]:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        nth = seen[finding.code]
        yield finding_entry(finding, finding.code if nth == 1 else f"{finding.code}~{nth}")
