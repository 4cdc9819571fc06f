"""What a run would do, before it is queued: where, how much, which values, what hinders it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from migrations_runner import linted
from migrations_runner.backfill import remembered
from migrations_runner.backfill.explaining import Explanation, explain
from migrations_runner.fan_out import driver
from migrations_runner.fan_out.refusals import BadDriverQuery
from migrations_runner.linting import lint
from migrations_runner.linting.catalog import Catalog
from migrations_runner.models import MigrationScript
from migrations_runner.parsing import check, parse_script
from migrations_runner.script import Problem
from migrations_runner.variables import VariableUse, required
from releasecontrol.runs.beforehand import Beforehand, beforehand
from releasecontrol.runs.choosing import Choice, Standing
from releasecontrol.runs.words import took
from releases.models import TargetDatabase

_FORMS = {
    "literal": "as a text: any value, the quotes are put around it",
    "identifier": "as a name of a table or column",
    "raw": "bare: only a plain number or a plain name",
}
#: Beginnings of kinds of statements that take something away.
_TAKES_AWAY = ("DROP", "TRUNCATE", "DELETE")


@dataclass(frozen=True)
class Field:
    """One value to type, and where it goes."""

    name: str
    value: str
    uses: tuple[str, ...]
    forms: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One chosen script: what is in it, and how it stands on the target."""

    script: MigrationScript
    standing: Standing | None
    statements: int
    kinds: str
    takes_away: tuple[str, ...]
    transactional: bool
    problems: tuple[Problem, ...]
    variables: tuple[VariableUse, ...]
    #: What somebody has to type: of a fan-out, what its driver query does not give.
    needed: tuple[str, ...]
    driven: tuple[str, ...] = ()
    #: Of a backfill: the SQL that will really run, or why not. None where no worker saw the tables.
    explanation: Explanation | None = None
    #: Findings that keep it from running, as long as nobody says why they may stand.
    blocking: tuple[linted.Shown, ...] = ()

    @property
    def is_backfill(self) -> bool:
        return self.script.mode == MigrationScript.Mode.BACKFILL

    @property
    def is_fan_out(self) -> bool:
        return self.script.mode == MigrationScript.Mode.FAN_OUT

    @property
    def skipped(self) -> bool:
        return self.standing is not None and self.standing.same

    @property
    def changed(self) -> bool:
        """Stands on the target with another text: the run would stop there."""
        return self.standing is not None and not self.standing.same

    @property
    def is_draft(self) -> bool:
        return self.script.role == MigrationScript.Role.DRAFT

    @property
    def is_rollback(self) -> bool:
        return self.script.role == MigrationScript.Role.ROLLBACK


@dataclass(frozen=True)
class Preview:
    """The blast radius of a run."""

    target: TargetDatabase
    steps: tuple[Step, ...]
    fields: tuple[Field, ...]
    before: Beforehand

    @property
    def is_production(self) -> bool:
        return self.target.environment.is_production

    @property
    def to_run(self) -> list[Step]:
        return [step for step in self.steps if not step.skipped]

    @property
    def statements(self) -> int:
        return sum(step.statements for step in self.to_run)

    @property
    def outside(self) -> list[Step]:
        """Those that can't be one transaction: what fails half way is not rolled back."""
        return [step for step in self.to_run if not step.transactional]

    @property
    def mixed(self) -> bool:
        """A rollback in one run with what it takes back."""
        return len({step.is_rollback for step in self.steps}) > 1

    @property
    def lock_wait(self) -> str:
        return took(self.target.stall_budget_ms)

    @property
    def statement_limit(self) -> str:
        return took(self.target.statement_timeout_ms)

    @property
    def readable(self) -> bool:
        return bool(self.steps) and not any(step.problems for step in self.steps)

    @property
    def can_run(self) -> bool:
        return self.readable and self.before.clear

    @property
    def database(self) -> str:
        """The database behind the target, as it last answered."""
        known = self.target.identity
        return f"{known['database']}, PostgreSQL {known['version']}" if known else ""


@dataclass
class _Reading:
    """What every script of one form is read with; `tables` is as the scripts so far leave it."""

    target: TargetDatabase
    given: Mapping[str, str]
    includes: Mapping[str, str]
    tables: Catalog | None = field(default=None)


def preview(
    chosen: Sequence[tuple[Choice, MigrationScript]],
    target: TargetDatabase,
    given: Mapping[str, str],
    includes: Mapping[str, str],
    author_id: int | None,
) -> Preview:
    """Read the chosen scripts, each with its text. `author_id` is who would queue them."""
    reading = _Reading(target, given, includes, linted.catalog_of(target))
    steps = tuple(_step(choice, script, reading) for choice, script in chosen)
    needed = dict.fromkeys(name for step in steps for name in step.needed)
    fields = tuple(_field(name, steps, given) for name in needed)
    blocking = [(step.script, one) for step in steps for one in step.blocking]
    return Preview(target, steps, fields, beforehand(blocking, target, author_id))


def _step(choice: Choice, script: MigrationScript, reading: _Reading) -> Step:
    driven, wrong = _driven(script)
    needed = tuple(name for name in required(script.text, reading.includes) if name not in driven)
    values = _values(driven, needed, reading.given)
    checked = check(script.text, values, reading.includes)
    kinds = Counter(statement.kind for statement in checked.statements)
    step = Step(
        script=script,
        standing=_plain_standing(choice, reading.target),
        statements=len(checked.statements),
        kinds=", ".join(
            f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items()
        ),
        takes_away=tuple(kind for kind in kinds if kind.startswith(_TAKES_AWAY)),
        transactional=checked.transactional,
        problems=(*wrong, *checked.problems),
        variables=checked.variables,
        needed=needed,
        driven=driven,
    )
    return step if step.skipped or step.problems else _with_tables(step, values, reading)


def _with_tables(step: Step, values: Mapping[str, str] | None, reading: _Reading) -> Step:
    """What depends on the tables that it would find, as the worker's own gate will read them."""
    text = step.script.text
    found = lint(text, catalog=reading.tables, variables=values, includes=reading.includes)
    blocking = tuple(one for one in linted.shown(step.script, found) if one.blocks)
    explanation = _explained(step.script, values, reading)
    reading.tables = linted.after_all(reading.tables, [text], reading.includes)
    return replace(step, blocking=blocking, explanation=explanation)


def _driven(script: MigrationScript) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The variables that a fan-out's own query gives, or what is wrong with that query."""
    if script.mode != MigrationScript.Mode.FAN_OUT:
        return (), ()
    try:
        return driver.variables(script.driver_query), ()
    except BadDriverQuery as refused:
        return (), (Problem(1, 1, "driver-query", refused.message),)


def _values(
    driven: Sequence[str], needed: Sequence[str], given: Mapping[str, str]
) -> dict[str, str] | None:
    """Values once all of them are there; None before, so that nothing is called missing."""
    if not all(name in given for name in needed):
        return None
    return {**dict.fromkeys(driven, "0"), **given}


def _explained(
    script: MigrationScript, values: Mapping[str, str] | None, reading: _Reading
) -> Explanation | None:
    """What a backfill would run, by the tables that a worker last saw."""
    if script.mode != MigrationScript.Mode.BACKFILL or reading.tables is None:
        return None
    parsed = parse_script(script.text, values, reading.includes)
    nodes = [statement.node for statement in parsed.statements]
    return explain(parsed, remembered.facts(reading.tables, nodes))


def _plain_standing(choice: Choice, target: TargetDatabase) -> Standing | None:
    """Where it stands on this target; with values nobody can tell before they are given."""
    here = (one for one in choice.standings if one.target == target.name)
    return next((one for one in here if not one.with_values), None)


def _field(name: str, steps: Sequence[Step], given: Mapping[str, str]) -> Field:
    uses, forms = [], dict[str, None]()
    for step in steps:
        here = [use for use in step.variables if use.name == name]
        lines = ", ".join(str(line) for line in dict.fromkeys(use.line for use in here))
        if here:
            uses.append(f"{step.script.name}, line {lines}")
        forms.update(dict.fromkeys(_FORMS[use.form] for use in here if use.form in _FORMS))
    return Field(name, given.get(name, ""), tuple(uses), tuple(forms))
