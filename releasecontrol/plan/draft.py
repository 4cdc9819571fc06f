"""The plan while it is being read: facts so far, the place in the outline, the ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from releasecontrol.plan import facts
from releasecontrol.plan.keys import Keys
from releasecontrol.plan.ledger import Ledger
from releasecontrol.plan.outline import Outline


@dataclass(slots=True)
class StageDraft:
    """A rollout stage whose criteria are still being collected."""

    key: str
    line: int
    percentage: Decimal
    label: str
    dwell_days: float | None
    criteria: list[facts.Criterion] = field(default_factory=list)


@dataclass(slots=True)
class PhaseDraft:
    """A phase whose duration, goal and tasks are still being collected."""

    key: str
    line: int
    code: str
    title: str
    marked_done: bool
    duration: str = ""
    duration_days: float | None = None
    goal: str = ""
    tasks: list[facts.Statement] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """Everything the readers fill in. Lists are in source order."""

    lines: Sequence[str]
    outline: Outline = field(default_factory=Outline)
    keys: Keys = field(default_factory=Keys)
    title: str = ""
    fields: list[facts.Field] = field(default_factory=list)
    items: list[facts.Item] = field(default_factory=list)
    objectives: list[facts.Objective] = field(default_factory=list)
    phases: list[PhaseDraft] = field(default_factory=list)
    principles: list[facts.Statement] = field(default_factory=list)
    steps: list[facts.Step] = field(default_factory=list)
    migration_checks: list[facts.MigrationCheck] = field(default_factory=list)
    stages: list[StageDraft] = field(default_factory=list)
    triggers: list[facts.Trigger] = field(default_factory=list)
    alerts: list[facts.AlertRule] = field(default_factory=list)
    metrics: list[facts.Metric] = field(default_factory=list)
    tools: list[facts.Tool] = field(default_factory=list)
    sql_blocks: list[facts.SqlBlock] = field(default_factory=list)
    script_files: list[facts.ScriptFile] = field(default_factory=list)
    shell_blocks: list[facts.ShellBlock] = field(default_factory=list)
    smoke_tests: list[facts.SmokeTest] = field(default_factory=list)
    variables: list[facts.Variable] = field(default_factory=list)
    flag_code: list[facts.FlagCode] = field(default_factory=list)
    code_blocks: list[facts.CodeBlock] = field(default_factory=list)
    timeline: list[facts.TimelineEntry] = field(default_factory=list)
    security: list[facts.Statement] = field(default_factory=list)
    contacts: list[facts.Contact] = field(default_factory=list)
    communications: list[facts.Statement] = field(default_factory=list)
    escalations: list[facts.Escalation] = field(default_factory=list)
    open_phase: PhaseDraft | None = None
    stage_of_line: dict[int, StageDraft] = field(default_factory=dict)
    text_of_line: dict[int, str] = field(default_factory=dict)
    lines_above_items: frozenset[int] = frozenset()
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.lines)

    def key(self, kind: str, text: str) -> str:
        """A stable key for a fact with these words at the present place."""
        return self.keys.make(kind, self.outline.path, text)

    def key_of_label(self, kind: str, text: str) -> str:
        """The same for what the deepest heading or lead-in itself stands for."""
        return self.keys.make(kind, self.outline.path[:-1], text)

    @property
    def open_stage(self) -> StageDraft | None:
        """The stage named by the nearest heading or lead-in, if that names one."""
        nearest = self.outline.labels[-1].line if self.outline.labels else 0
        return self.stage_of_line.get(nearest)
