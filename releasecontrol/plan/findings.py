"""What a person should decide or know before an imported plan becomes a release. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from releasecontrol.plan.facts import Fact, Finding, Plan, SmokeTest, Stage, TimelineEntry, Variable
from releasecontrol.plan.head import property_of

_DAYS_IN_A_WEEK = 7


def findings_of(plan: Plan) -> tuple[Finding, ...]:
    """All findings, the weightier ones first."""
    return tuple(
        finding
        for look in (
            _schedules,
            _statuses,
            _shrinking_stages,
            _unset_sql_variables,
            _variable_values,
            _variable_placeholders,
            _assumed_content_types,
            _request_placeholders,
            _requests_without_expectation,
            _repaired_lines,
            _not_understood,
        )
        for finding in look(plan)
    )


def _schedules(plan: Plan) -> Iterator[Finding]:
    raises = [entry for entry in plan.timeline if entry.percentage is not None]
    if not plan.stages or not raises:
        return
    by_stages, by_timeline = _starts_of_stages(plan.stages), _starts_of_entries(raises)
    if by_stages is None or by_stages == by_timeline:
        return
    yield Finding(
        "schedules-disagree",
        f"Two rollout schedules disagree. By the stages: {_spell(by_stages)}. "
        f"By the timeline: {_spell(by_timeline)}. Somebody has to choose one.",
        (*(stage.line for stage in plan.stages), *(entry.line for entry in raises)),
    )


def _starts_of_stages(stages: tuple[Stage, ...]) -> dict[Decimal, int] | None:
    """Percentage to the day it begins, the first one on day 1; None if a length is missing."""
    starts, day = {}, 1.0
    for stage in stages:
        starts[stage.percentage] = int(day)
        if stage.dwell_days is None and stage is not stages[-1]:
            return None
        day += stage.dwell_days or 0
    return starts


def _starts_of_entries(entries: list[TimelineEntry]) -> dict[Decimal, int]:
    days = {entry.percentage: _calendar_day(entry) for entry in reversed(entries)}
    first = min(days.values())
    return {pct: days[pct] - first + 1 for pct in sorted(p for p in days if p is not None)}


def _calendar_day(entry: TimelineEntry) -> int:
    return ((entry.week or 1) - 1) * _DAYS_IN_A_WEEK + (entry.day_from or 1)


def _spell(starts: dict[Decimal, int]) -> str:
    return ", ".join(f"{percentage} % from day {day}" for percentage, day in starts.items())


def _statuses(plan: Plan) -> Iterator[Finding]:
    said = [one for one in plan.fields if property_of(one.label) == "status"]
    if len({one.value.casefold() for one in said}) > 1:
        values = ", ".join(f"“{one.value}” (line {one.line})" for one in said)
        yield Finding("statuses-disagree", f"The plan gives its status as {values}.", _lines(said))


def _shrinking_stages(plan: Plan) -> Iterator[Finding]:
    for before, after in zip(plan.stages, plan.stages[1:], strict=False):
        if after.percentage <= before.percentage:
            yield Finding(
                "stages-not-growing",
                f"{after.label} has {after.percentage} %, not more than the stage before it.",
                (before.line, after.line),
            )


def _unset_sql_variables(plan: Plan) -> Iterator[Finding]:
    for block in plan.sql_blocks:
        if block.variables:
            names = ", ".join(f":{name}" for name in block.variables)
            yield Finding(
                "variables-to-set",
                f"“{block.title}” needs a value for {names} in every run.",
                (block.line,),
            )


def _variable_values(plan: Plan) -> Iterator[Finding]:
    by_name: dict[str, list[Variable]] = defaultdict(list)
    for variable in plan.variables:
        by_name[variable.name].append(variable)
    for name, several in by_name.items():
        if len({one.example for one in several}) > 1:
            yield Finding(
                "variable-values-disagree", f"{name} has several example values.", _lines(several)
            )


def _variable_placeholders(plan: Plan) -> Iterator[Finding]:
    stand_ins = [one for one in plan.variables if one.is_placeholder]
    if stand_ins:
        names = ", ".join(one.name for one in stand_ins)
        yield Finding(
            "placeholders", f"These variables hold only a stand-in: {names}.", _lines(stand_ins)
        )


def _assumed_content_types(plan: Plan) -> Iterator[Finding]:
    tests = [one for one in plan.smoke_tests if one.content_type_assumed]
    if tests:
        yield Finding(
            "content-type-assumed",
            "These requests send JSON without saying so; they will be sent as application/json, "
            f"where curl would send a form: {_names(tests)}.",
            _lines(tests),
        )


def _request_placeholders(plan: Plan) -> Iterator[Finding]:
    for test in plan.smoke_tests:
        if test.placeholders:
            fields = ", ".join(test.placeholders)
            yield Finding(
                "request-placeholder", f"“{test.name}” has a stand-in for {fields}.", (test.line,)
            )


def _requests_without_expectation(plan: Plan) -> Iterator[Finding]:
    tests = [one for one in plan.smoke_tests if one.expected_status is None]
    if tests:
        yield Finding(
            "no-expected-result",
            f"The plan does not say what these requests should answer: {_names(tests)}.",
            _lines(tests),
        )


def _repaired_lines(plan: Plan) -> Iterator[Finding]:
    if plan.repaired_lines:
        count = len(plan.repaired_lines)
        yield Finding(
            "encoding-repaired",
            f"Garbled symbols were repaired on {count} lines.",
            plan.repaired_lines,
        )


def _not_understood(plan: Plan) -> Iterator[Finding]:
    lines = tuple(one.line for one in plan.not_understood)
    if lines:
        yield Finding("not-understood", f"{len(lines)} lines were not understood.", lines)


def _names(tests: Sequence[SmokeTest]) -> str:
    return ", ".join(f"“{test.name}”" for test in tests)


def _lines(several: Sequence[Fact]) -> tuple[int, ...]:
    return tuple(one.line for one in several)
