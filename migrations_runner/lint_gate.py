"""Before the first script: what lint found for certain keeps a run from starting, unless allowed.

Refused
└── BlockedByLint
"""

from __future__ import annotations

from migrations_runner import attempts, catalog, ledger, linted, session
from migrations_runner.fan_out.driver import values_of
from migrations_runner.keys import key_of
from migrations_runner.linted import Shown
from migrations_runner.linting import Finding, lint
from migrations_runner.linting.catalog import Catalog
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.work import RunAtWork
from releases.refusals import Refused


class BlockedByLint(Refused):
    """Lint found what fails or destroys data; nothing was run."""


def refuse_blocking(at_work: RunAtWork) -> None:
    """PREFLIGHT: raises BlockedByLint with rule and line of each finding that nobody allowed.

    It reads the texts that the run holds, because they are what will be sent, with the tables that
    the target has now and what the scripts before leave. What stands there already is skipped.
    """
    tables = _tables(at_work)
    with attempts.patient(at_work, "Lint"):
        told = _blocking(at_work, tables)
    if told:
        raise BlockedByLint(f"{' '.join(told)} Mend the script, or say why it may stand.")


def _blocking(at_work: RunAtWork, tables: Catalog | None) -> list[str]:
    run = at_work.run
    told: list[str] = []
    copies = at_work.scripts
    keys = {copy.pk: key_of(run, copy) for copy in copies}
    there = ledger.applied(at_work.connection, list(keys.values()))
    for copy in copies:
        if keys[copy.pk] in there:
            continue
        told += [_told(copy.name, each.finding) for each in _shown(run, copy, tables)]
        tables = linted.after_all(tables, [copy.text], copy.includes)
    return told


def _tables(at_work: RunAtWork) -> Catalog:
    """What the target has. The server locks a table to tell of its size or its defaults.

    So it is tried for within the stall budget, as a statement is. Raises LockNotGranted, Stopped.
    """
    session.refresh(at_work.connection, at_work.target)
    read: list[Catalog] = []
    attempts.until_done(
        at_work,
        lambda: read.append(catalog.read(at_work.connection)),
        where="Reading the tables for lint",
    )
    return read[-1]


def _shown(run: MigrationRun, copy: RunScript, tables: Catalog | None) -> list[Shown]:
    """What blocks one script; of a script that was deleted since, only its own comments count."""
    found = lint(copy.text, catalog=tables, variables=values_of(run, copy), includes=copy.includes)
    if copy.script is not None:
        return [each for each in linted.shown(copy.script, found) if each.blocks]
    takes_back = copy.role == MigrationScript.Role.ROLLBACK
    each_shown = [linted.as_written(finding, takes_back=takes_back) for finding in found]
    return [each for each in each_shown if each.blocks]


def _told(name: str, finding: Finding) -> str:
    return f"{name}, line {finding.line}: {finding.rule}: {finding.message}"
