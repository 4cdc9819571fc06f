"""What a run would do, before it is queued: where, how much, which values, what hinders it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrations_runner.models import MigrationScript
from migrations_runner.parsing import Problem, check
from migrations_runner.variables import VariableUse, required
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
    def can_run(self) -> bool:
        return bool(self.steps) and not any(step.problems for step in self.steps)

    @property
    def database(self) -> str:
        """The database behind the target, as it last answered."""
        known = self.target.identity
        return f"{known['database']}, PostgreSQL {known['version']}" if known else ""


def preview(
    chosen: Sequence[Choice],
    texts: Mapping[int, str],
    target: TargetDatabase,
    given: Mapping[str, str],
) -> Preview:
    """Read the chosen scripts; `texts` maps their primary keys to their texts."""
    steps = tuple(_step(choice, texts[choice.script.pk], target) for choice in chosen)
    needed = dict.fromkeys(name for choice in chosen for name in required(texts[choice.script.pk]))
    return Preview(target, steps, tuple(_field(name, steps, given) for name in needed))


def _step(choice: Choice, text: str, target: TargetDatabase) -> Step:
    checked = check(text)
    kinds = Counter(statement.kind for statement in checked.statements)
    return Step(
        script=choice.script,
        standing=_plain_standing(choice, target),
        statements=len(checked.statements),
        kinds=", ".join(
            f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items()
        ),
        takes_away=tuple(kind for kind in kinds if kind.startswith(_TAKES_AWAY)),
        transactional=checked.transactional,
        problems=checked.problems,
        variables=checked.variables,
    )


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
