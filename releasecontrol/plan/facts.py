"""What a plan says, as values. Pure; nothing here reads or writes anything.

Each fact knows the 1-based source ``line`` it begins on and a ``key`` that stays the same when
the plan is edited elsewhere, so that a second import finds the fact again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Operator = Literal["<", "<=", ">", ">=", "="]
GateName = Literal["start", "progress", "complete", "rollback"]
ScriptRole = Literal["schema", "data", "rollback", "check"]
ShellRole = Literal["build", "run", "migrate", "deploy", "rollback", "smoke", "verify", "other"]
TriggerMode = Literal["automatic", "manual"]
StepPurpose = Literal["strategy", "rollback", "procedure"]
When = Literal["pre", "post"]
Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The common part: a stable key and the 1-based line the fact begins on."""

    key: str
    line: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """``metric operator value unit``, and how long it must hold.

    ``unit`` is one of ``% ms s min h d x`` or empty for a plain count; ``window_seconds`` is None
    where the plan does not say.
    """

    metric: str
    operator: Operator
    value: Decimal
    unit: str = ""
    window_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Fact):
    """A labelled value of the document's head or foot, such as ``**Status:** In Progress``."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Fact):
    """One checkbox. ``number`` stands only in numbered lists, which are strict in order.

    ``group`` is the second-level heading, ``checklist`` the third-level one (or the group where
    there is none), ``section`` the lead-in above the list without its colon, or empty.
    ``position`` counts all items of the plan from 1.
    """

    text: str
    checked: bool
    number: int | None
    checklist: str
    group: str
    section: str
    gate: GateName
    strict: bool
    position: int
    is_success_criterion: bool = False
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective(Fact):
    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Fact):
    """A plain sentence whose meaning comes from where it stands; ``section`` is that place."""

    text: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Fact):
    """A part of the work, such as 12A; ``duration_days`` is None where no number can be read."""

    code: str
    title: str
    duration: str
    duration_days: float | None
    goal: str
    tasks: tuple[Statement, ...]
    marked_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Fact):
    """A numbered line without a checkbox; ``purpose`` is strategy, rollback or procedure."""

    number: int
    text: str
    section: str
    purpose: StepPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationCheck(Fact):
    """Something to verify in the data before or after the migration."""

    when: When
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion(Fact):
    text: str
    threshold: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Fact):
    """A step of the rollout: percentage of users, its label, how many days it lasts (or None)."""

    percentage: Decimal
    label: str
    dwell_days: float | None
    criteria: tuple[Criterion, ...]
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(Fact):
    """A reason to roll back; ``threshold`` is None where the sentence holds no number."""

    mode: TriggerMode
    text: str
    threshold: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule(Fact):
    severity: Severity
    condition: str
    threshold: Threshold | None
    consequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Fact):
    """Something to watch; ``goal`` is None where the plan names no figure."""

    name: str
    group: str
    goal: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Fact):
    name: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlBlock(Fact):
    """SQL written out in the plan, verbatim; ``line`` is the fence, ``sql_line`` its first line."""

    title: str
    sql: str
    sql_line: int
    variables: tuple[str, ...]
    role: ScriptRole
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptFile(Fact):
    """A script the plan names but does not contain; ``variables`` are names given by ``-v``."""

    path: str
    name: str
    role: ScriptRole
    position: int
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellStep(Fact):
    """Commands under one comment of a shell block; the comment may stand alone."""

    title: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellBlock(Fact):
    """Commands for a person or a deploy hook. Secrets are masked; never meant to be executed."""

    title: str
    role: ShellRole
    steps: tuple[ShellStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest(Fact):
    """One request. ``$NAME`` in a header or body is a reference, resolved when the test runs.

    ``content_type_assumed``: the body is JSON and no header says so. ``placeholders`` are the
    body's keys whose values stand for something to be filled in. ``expected_status`` is None
    where the plan does not say.
    """

    name: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    content_type: str
    content_type_assumed: bool
    references: tuple[str, ...]
    placeholders: tuple[str, ...]
    expected_status: int | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Fact):
    """An environment variable by name; the example value is masked unless it is harmless."""

    name: str
    section: str
    example: str
    is_placeholder: bool
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCode(Fact):
    """Code that reads a feature flag; the path is taken from its first comment, or empty."""

    title: str
    language: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock(Fact):
    """Any other code block: kept in sight, not interpreted."""

    title: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry(Fact):
    """Planned work; weeks and days count from 1, None where the plan does not say."""

    week: int | None
    week_title: str
    day_from: int | None
    day_to: int | None
    text: str
    percentage: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Fact):
    role: str
    text: str
    is_placeholder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation(Fact):
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class LineMapping:
    """What became of one source line.

    ``ref`` is the key of the fact it belongs to, or empty for structure. ``text`` is filled only
    for lines not understood, with secrets masked.
    """

    line: int
    kind: str
    ref: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should decide or know; ``code`` is stable, ``lines`` say where."""

    code: str
    message: str
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan. Tuples are in source order."""

    title: str
    digest: str
    date: date | None = None
    date_text: str = ""
    git_ref: str = ""
    status: str = ""
    target: str = ""
    next_step: str = ""
    target_date_text: str = ""
    fields: tuple[Field, ...] = ()
    items: tuple[Item, ...] = ()
    objectives: tuple[Objective, ...] = ()
    phases: tuple[Phase, ...] = ()
    principles: tuple[Statement, ...] = ()
    steps: tuple[Step, ...] = ()
    migration_checks: tuple[MigrationCheck, ...] = ()
    stages: tuple[Stage, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
    metrics: tuple[Metric, ...] = ()
    tools: tuple[Tool, ...] = ()
    sql_blocks: tuple[SqlBlock, ...] = ()
    script_files: tuple[ScriptFile, ...] = ()
    shell_blocks: tuple[ShellBlock, ...] = ()
    smoke_tests: tuple[SmokeTest, ...] = ()
    variables: tuple[Variable, ...] = ()
    flag_code: tuple[FlagCode, ...] = ()
    code_blocks: tuple[CodeBlock, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    security: tuple[Statement, ...] = ()
    contacts: tuple[Contact, ...] = ()
    communications: tuple[Statement, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    repaired_lines: tuple[int, ...] = ()
    lines: tuple[LineMapping, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def strategy(self) -> tuple[Step, ...]:
        """The numbered steps of the migration strategy."""
        return tuple(step for step in self.steps if step.purpose == "strategy")

    @property
    def success_criteria(self) -> tuple[Item, ...]:
        """The items that say when the release is a success."""
        return tuple(item for item in self.items if item.is_success_criterion)

    @property
    def not_understood(self) -> tuple[LineMapping, ...]:
        """The lines a person should read, because the import could not."""
        return tuple(line for line in self.lines if line.kind == "not_understood")
