"""Before the first script: what lint found for certain keeps a run from starting, unless allowed.

Refused
└── BlockedByLint
"""

from __future__ import annotations

from migrations_runner import linted
from migrations_runner.linting import Finding, lint
from migrations_runner.work import RunAtWork
from releases.refusals import Refused


class BlockedByLint(Refused):
    """Lint found what fails or destroys data; nothing was run."""


def refuse_blocking(run_at_work: RunAtWork) -> None:
    """PREFLIGHT: raises BlockedByLint with rule and line of each finding that nobody allowed.

    It reads the texts that the run holds: they are what will be sent.
    """
    run = run_at_work.run
    catalog = linted.catalog_of(run.target)
    told = []
    copies = list(run.scripts.select_related("script").order_by("position"))
    for copy in copies:
        includes = {each.name: each.text for each in copies if each.pk != copy.pk}
        found = lint(copy.text, catalog=catalog, variables=run.variables, includes=includes)
        each_shown = (
            linted.shown(copy.script, found) if copy.script else map(linted.as_written, found)
        )
        told += [_told(copy.name, each.finding) for each in each_shown if each.blocks]
    if told:
        raise BlockedByLint(f"{' '.join(told)} Mend the script, or say why it may stand.")


def _told(name: str, finding: Finding) -> str:
    return f"{name}, line {finding.line}: {finding.rule}: {finding.message}"
