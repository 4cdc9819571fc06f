"""A rehearsal for screens: its scripts as plain values, and what an approver should know of it."""

from __future__ import annotations

from dataclasses import dataclass

from migrations_runner.models import Rehearsal, RehearsedScript
from migrations_runner.parsing import check
from migrations_runner.rehearsal.timeline import Bar, Done, bars, warnings
from migrations_runner.states import RehearsalState


@dataclass(frozen=True)
class Told:
    """One script of a rehearsal."""

    name: str
    statements: list[Done]
    transactional: bool

    @property
    def milliseconds(self) -> float:
        return sum(one.milliseconds for one in self.statements)

    @property
    def bars(self) -> list[Bar]:
        return bars(self.statements, transactional=self.transactional)


def scripts(rehearsal: Rehearsal) -> list[Told]:
    """Each script with its statements, in the order in which they were rehearsed."""
    apart = {
        script.name
        for script in rehearsal.run.scripts.all()
        if not check(script.text, rehearsal.run.variables, script.includes).transactional
    }
    return [_told(one, apart) for one in rehearsal.scripts.prefetch_related("statements")]


def summary(rehearsal: Rehearsal) -> list[str]:
    """Warnings, the worst first: how it failed, who would wait, what is written anew.

    What it could not try or measure stands in `rehearsal.notes`.
    """
    budget = rehearsal.run.target.stall_budget_ms
    said = [rehearsal.error] if rehearsal.state == RehearsalState.FAILED else []
    new = _made_by_the_batch(rehearsal)
    for one in scripts(rehearsal):
        said += warnings(
            one.name,
            one.statements,
            transactional=one.transactional,
            budget=budget,
            is_new=new,
        )
    return said


def _told(script: RehearsedScript, apart: set[str]) -> Told:
    done = [
        Done(row.line, row.began_ms, row.milliseconds, row.locks, row.rewrites, row.scans)
        for row in script.statements.all()
    ]
    name = script.name.rpartition(": ")[2]
    return Told(script.name, done, transactional=name not in apart)


def _made_by_the_batch(rehearsal: Rehearsal) -> set[str]:
    """Tables that were not there before the first script."""
    parts = list(rehearsal.scripts.order_by("position").values_list("parts_before", flat=True))
    made = {name for later in parts[1:] for name in later if name.startswith("table ")}
    before = parts[0] if parts else {}
    return {name.removeprefix("table ") for name in made if name not in before}
