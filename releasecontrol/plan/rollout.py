"""Rollout stages and timeline entries: percentages, weeks, days. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from releasecontrol.plan.draft import Draft, StageDraft
from releasecontrol.plan.facts import Criterion, TimelineEntry
from releasecontrol.plan.markdown import Block
from releasecontrol.plan.outline import Label
from releasecontrol.plan.thresholds import parse_days, parse_percentage, parse_threshold

_COUNTED = r"(?:stage|week|day|phase|step|ring|wave)s?\s{0,2}\d{1,3}(?:\s?[-–]\s?\d{1,3})?"
_STAGE = re.compile(
    rf"^(?:(?P<label>{_COUNTED})\s{{0,2}}[:.)–—-]?\s{{0,2}})?"
    r"(?:(?:increase |go |ramp )?(?:up )?to )?"
    r"(?P<percentage>\d{1,3}(?:\.\d{1,3})?)\s?(?:%|percent\b)(?P<rest>.*)$",
    re.IGNORECASE,
)
_WEEK = re.compile(r"\bweeks?\s{1,2}(?P<week>\d{1,3})\b[\s:.–—-]{0,4}(?P<title>.*)$", re.IGNORECASE)
_ENTRY = re.compile(
    r"^(?:weeks?\s{1,2}(?P<week>\d{1,3})\b\W{0,4})?"
    r"(?:days?\s{1,2}(?P<from>\d{1,3})\b(?:\s?(?:[-–—]|to)\s?(?P<to>\d{1,3})\b)?)?"
    r"[\s:.,–—-]{0,4}(?P<text>.*)$",
    re.IGNORECASE,
)
_DAYS = re.compile(r"\bdays?\s{1,2}(\d{1,3})(?:\s?[-–]\s?(\d{1,3}))?", re.IGNORECASE)
_WEEKS = re.compile(r"\bweeks?\s{1,2}(\d{1,3})(?:\s?[-–]\s?(\d{1,3}))?", re.IGNORECASE)


def open_stage(draft: Draft, label: Label) -> bool:
    """Begin a stage if a heading or lead-in below a rollout heading names one."""
    if not draft.outline.about("stage"):
        return False
    return _begin_stage(draft, label.text, label.line, draft.key_of_label) is not None


def read_stage_entry(draft: Draft, block: Block, text: str) -> str | None:
    """A list line of a rollout plan: a criterion of the open stage, or a stage of its own."""
    stage = draft.stage_of_line.get(block.parent) or draft.open_stage
    if stage:
        return add_criterion(draft, stage, text, block.start)
    stage = _begin_stage(draft, text, block.start, draft.key)
    return stage.key if stage else None


def add_criterion(draft: Draft, stage: StageDraft, text: str, line: int) -> str:
    key = draft.keys.make("criterion", stage.key.partition(":")[2].split("/"), text)
    stage.criteria.append(Criterion(key=key, line=line, text=text, threshold=parse_threshold(text)))
    return key


def read_timeline_entry(draft: Draft, block: Block, text: str) -> str | None:
    """A list line of a timeline: day and text, the week from the line or the heading above."""
    found = _ENTRY.match(text)
    week, week_title = _week_above(draft)
    if not found or not found["text"]:
        return None
    key = draft.key("timeline", text)
    draft.timeline.append(
        TimelineEntry(
            key=key,
            line=block.start,
            week=int(found["week"]) if found["week"] else week,
            week_title=week_title,
            day_from=_number(found["from"]),
            day_to=_number(found["to"] or found["from"]),
            text=found["text"],
            percentage=parse_percentage(found["text"]),
        )
    )
    return key


def _begin_stage(
    draft: Draft, text: str, line: int, make_key: Callable[[str, str], str]
) -> StageDraft | None:
    found = _STAGE.match(text)
    percentage = parse_percentage(text) if found else None
    if not found or percentage is None:
        return None
    label = found["label"] or f"Stage {len(draft.stages) + 1}"
    key = make_key("stage", found["label"] or f"{percentage} %")
    stage = StageDraft(key, line, percentage, label, _dwell(found))
    draft.stages.append(stage)
    draft.stage_of_line[line] = stage
    condition = found["rest"].partition(":")[2].strip()
    if condition:
        add_criterion(draft, stage, condition, line)
    return stage


def _dwell(found: re.Match[str]) -> float | None:
    """Days a stage lasts: said in words, or the span of its label."""
    said = parse_days(found["rest"])
    if said is not None:
        return said
    return _span(_WEEKS, found["label"], 7) or _span(_DAYS, found["label"], 1)


def _span(pattern: re.Pattern[str], label: str | None, days: int) -> float | None:
    found = pattern.search(label or "")
    if not found:
        return None
    return float((int(found[2] or found[1]) - int(found[1]) + 1) * days)


def _week_above(draft: Draft) -> tuple[int | None, str]:
    for text in draft.outline.texts:
        if found := _WEEK.search(text):
            return int(found["week"]), found["title"].strip()
    return None, ""


def _number(text: str | None) -> int | None:
    return int(text) if text else None
