"""A script as one transaction, its ledger row included: all or nothing."""

from __future__ import annotations

from itertools import takewhile

import psycopg

from migrations_runner import attempts, ledger, steps
from migrations_runner.failures import Stopped
from migrations_runner.transactional import shapes_transaction
from migrations_runner.work import Work
from releases.refusals import Refused


def carry_out(work: Work) -> None:
    """Raises StatementFailed, Stopped, a guard's refusal; psycopg.Error if the server is gone."""
    try:
        attempts.until_done(work.run, lambda: _attempt(work), where=work.script.name)
    except (Refused, psycopg.Error):
        steps.give_up(work)
        steps.mark_rolled_back(work)
        raise


def _attempt(work: Work) -> None:
    """A COMMIT that breaks is not a failed script: nobody knows."""
    work.begin_again()
    first = list(takewhile(lambda step: shapes_transaction(step[0].node), work.steps))
    with work.connection.transaction():
        for statement, row in first:  # the server takes them before anything else
            steps.do(work, statement, row)
        ledger.record_applied(work.connection, work.key, work.run.run.pk)
        with work.guarded():
            for statement, row in work.steps[len(first) :]:
                steps.do(work, statement, row)
        if work.run.keeper.stop.is_set():
            raise Stopped(f"{work.script.name} was rolled back just before its commit.")
