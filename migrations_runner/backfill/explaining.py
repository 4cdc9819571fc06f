"""What a backfill would really run, or why it can't: for the form, before it is queued. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from migrations_runner.backfill import rewriting
from migrations_runner.backfill.facts import Facts
from migrations_runner.backfill.locality import Plan, prove
from migrations_runner.backfill.rewriting import Batched, NotFaithful, rewrite
from migrations_runner.script import Script, Statement

OFFER = "Run it as it is: one transaction."


@dataclass(frozen=True, slots=True)
class Cut:
    """One statement of a script with its plan and the SQL of its batches."""

    statement: Statement
    plan: Plan
    sql: Batched
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`why` says by line what is against it; where it is empty, `cuts` holds every statement."""

    why: tuple[str, ...]
    cuts: tuple[Cut, ...] = ()

    @property
    def rewritable(self) -> bool:
        return not self.why

    @property
    def sql(self) -> str:
        """What one batch of each statement runs; ``$1`` and on stand for the bounds of its keys."""
        return "\n\n".join(cut.sql.shown for cut in self.cuts)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for cut in self.cuts for note in cut.notes))

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(rewriting.table(cut.plan) for cut in self.cuts)


def explain(script: Script, facts: Facts) -> Explanation:
    """Whether every statement of a script can be cut into batches, by the facts of a target."""
    why: list[str] = []
    cuts: list[Cut] = []
    for statement in script.statements:
        found = _cut(statement, facts)
        if isinstance(found, Cut):
            cuts.append(found)
        else:
            why += [f"Line {statement.line} is not provably row-local: {each}." for each in found]
    return Explanation((*why, OFFER), ()) if why else Explanation((), tuple(cuts))


def _cut(statement: Statement, facts: Facts) -> Cut | tuple[str, ...]:
    proof = prove(statement.node, facts)
    if proof.plan is None:
        return proof.reasons
    try:
        return Cut(statement, proof.plan, rewrite(statement.node, proof.plan), proof.notes)
    except NotFaithful:
        return ("written anew it would not be the same statement",)
