"""What a plan wants to stand in each table, as values. Pure.

A `Row` has a key that finds it again after the plan was edited, the fields that belong to the plan,
and the first values of fields that belong to people from then on. Preview and import read the same
rows, so what a person is shown is what is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from releasecontrol.plan import entries
from releasecontrol.plan.facts import (
    AlertRule,
    Criterion,
    Item,
    Metric,
    Plan,
    Stage,
    Threshold,
    Trigger,
)
from releasecontrol.plan.keys import slug
from releasecontrol.plan.row import Row, Rows, clip
from releasecontrol.plan.runnable import script_rows, smoke_test_row

#: The parser's word for when an item counts → the gate's name. The order is the cutover's own.
GATES = {
    "start": "start",
    "progress": "roll_out",
    "complete": "complete",
    "rollback": "after_rollback",
}
_SEVERITY = {"critical": "page", "warning": "warn", "info": "warn"}
_MODE = {"automatic": "roll_back", "manual": "propose"}
_COMPARABLE = frozenset({"<", "<=", ">", ">="})


def rows_of(plan: Plan) -> Rows:
    """Every row of the plan by table name, in the order in which they are stored."""
    return {
        "checklists": _checklists(plan.items),
        "items": [_item(item) for item in plan.items],
        "stages": [_stage(stage, place) for place, stage in enumerate(plan.stages)],
        "metrics": [_metric(metric, place) for place, metric in enumerate(plan.metrics)],
        "guardrails": _guardrails(plan),
        "scripts": script_rows(plan),
        "smoke_tests": [smoke_test_row(test) for test in plan.smoke_tests],
        "entries": [entry_row(entry) for entry in entries.entries_of(plan)],
    }


def entry_row(entry: entries.Entry) -> Row:
    return Row(
        key=f"{entry.kind}|{entry.key}",
        label=entry.text,
        line=entry.line,
        fields={
            "kind": entry.kind,
            "key": entry.key,
            "position": entry.position,
            "text": entry.text,
            "data": entry.data,
            "source_line": entry.line,
        },
    )


def _checklist_key(item: Item) -> str:
    return f"{slug(item.group)}/{slug(item.checklist)}/{GATES[item.gate]}"[:200]


def _checklists(items: Iterable[Item]) -> list[Row]:
    """One per heading, ordered as a cutover goes: what only a rollback needs comes last."""
    firsts: dict[str, Item] = {}
    for item in items:
        firsts.setdefault(_checklist_key(item), item)
    order = list(GATES)
    ranked = sorted(firsts.items(), key=lambda pair: (order.index(pair[1].gate), pair[1].line))
    return [
        Row(
            key=key,
            label=item.checklist,
            line=item.line,
            fields={
                "key": key,
                "title": clip(item.checklist or item.group or "Checklist", 200),
                "group": clip(item.group, 200),
                "position": place,
                "gate": GATES[item.gate],
            },
        )
        for place, (key, item) in enumerate(ranked)
    ]


def _item(item: Item) -> Row:
    return Row(
        key=item.key,
        label=item.text,
        line=item.line,
        fields={
            "checklist": _checklist_key(item),
            "key": item.key,
            "section": clip(item.section, 200),
            "position": item.position,
            "number": item.number if item.strict else None,
            "text": clip(item.text, 500),
            "source_line": item.line,
            "removed_at": None,
        },
        first={"note": _first_note(item)},
    )


def _first_note(item: Item) -> str:
    """A box that is ticked in the document is no person's word here, so it is only noted."""
    notes = ["Ticked in the plan."] if item.checked else []
    return "\n".join([*notes, *item.links])


def _stage(stage: Stage, place: int) -> Row:
    """Stages are known by their place; percentages are stored in thousandths."""
    days = stage.dwell_days
    return Row(
        key=str(place),
        label=f"{stage.label}: {stage.percentage} %",
        line=stage.line,
        fields={
            "position": place,
            "label": clip(stage.label, 100),
            "percentage": int(stage.percentage * 1000),
            "dwell_days": None if days is None else math.ceil(days),
            "criteria": [_criterion(criterion) for criterion in stage.criteria],
            "source_line": stage.line,
        },
    )


def _criterion(criterion: Criterion) -> dict[str, Any]:
    comparison, limit, unit = _limit(criterion.threshold)
    fact = {"text": criterion.text, "line": criterion.line}
    if limit is None or criterion.threshold is None:
        return fact
    metric = criterion.threshold.metric
    return fact | {"metric": metric, "comparison": comparison, "limit": limit, "unit": unit}


def _limit(threshold: Threshold | None) -> tuple[str, float | None, str]:
    """Comparison, number and unit; an "=" is no limit that could be watched."""
    if threshold is None or threshold.operator not in _COMPARABLE:
        return "", None, ""
    return threshold.operator, float(threshold.value), threshold.unit


def _metric(metric: Metric, place: int) -> Row:
    comparison, goal, unit = _limit(metric.goal)
    return Row(
        key=metric.key,
        label=metric.name,
        line=metric.line,
        fields={
            "key": metric.key,
            "name": clip(metric.name, 200),
            "group": clip(metric.group, 100),
            "comparison": comparison,
            "goal": goal,
            "unit": unit,
            "position": place,
            "source_line": metric.line,
        },
    )


def _guardrails(plan: Plan) -> list[Row]:
    triggers = [_trigger(trigger, place) for place, trigger in enumerate(plan.triggers)]
    behind = len(triggers)
    return triggers + [_alert(alert, behind + place) for place, alert in enumerate(plan.alerts)]


def _trigger(trigger: Trigger, place: int) -> Row:
    fields = {"consequence": _MODE[trigger.mode], "consequence_text": ""}
    return _guardrail("trigger", trigger, trigger.text, place, fields)


def _alert(alert: AlertRule, place: int) -> Row:
    fields = {
        "consequence": _SEVERITY[alert.severity],
        "consequence_text": clip(alert.consequence, 300),
    }
    return _guardrail("alert", alert, alert.condition, place, fields)


def _guardrail(
    origin: str, fact: Trigger | AlertRule, text: str, place: int, consequence: dict[str, str]
) -> Row:
    comparison, limit, unit = _limit(fact.threshold)
    return Row(
        key=f"{origin}|{fact.key}",
        label=text,
        line=fact.line,
        fields={
            "key": fact.key,
            "origin": origin,
            "text": clip(text, 300),
            "metric_name": clip(fact.threshold.metric, 200) if fact.threshold else "",
            "comparison": comparison,
            "limit": limit,
            "unit": unit,
            "position": place,
            "source_line": fact.line,
            **consequence,
        },
    )
