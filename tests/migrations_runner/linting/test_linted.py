"""Stored scripts: what people allow, and what keeps a run from starting."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from migrations_runner import editing, lint_gate, linted
from migrations_runner.models import MigrationScript, TargetReport
from migrations_runner.work import RunAtWork
from releases.models import Environment, Event, Release, TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.linting.catalogs import BOOKS

ACTOR = Actor.command("test")


@pytest.fixture
def script(db: None) -> MigrationScript:
    release = Release.objects.create(slug="lint", title="Lint")
    return MigrationScript.objects.create(release=release, name="1.sql", text="DELETE FROM carts;")


def at_work(run: object) -> RunAtWork:
    """All that the preflight asks of a run in its worker."""
    return cast("RunAtWork", SimpleNamespace(run=run))


def test_saving_never_refuses_for_findings_and_answers_them(script: MigrationScript) -> None:
    (shown,) = editing.save(script=script, actor=ACTOR, created=False)
    assert (shown.finding.rule, shown.blocks) == ("whole-table-write", True)


def test_a_run_with_a_standing_error_is_refused_by_rule_and_line(queue: QueueRun) -> None:
    run = queue("SELECT 1;\nDELETE FROM carts;")
    with pytest.raises(lint_gate.BlockedByLint, match=r"1\.sql, line 2: whole-table-write"):
        lint_gate.refuse_blocking(at_work(run))


def test_allowed_with_a_reason_it_runs_and_taken_back_it_does_not(queue: QueueRun) -> None:
    run = queue("DELETE FROM carts;")
    script = MigrationScript.objects.get(name="1.sql")
    linted.suppress(script=script, rule="whole-table-write", reason="a cache", actor=ACTOR)
    lint_gate.refuse_blocking(at_work(run))
    assert [(s.allowed, s.by) for s in linted.findings_of(script)] == [("a cache", ACTOR.name)]
    linted.unsuppress(script=script, rule="whole-table-write", actor=ACTOR)
    with pytest.raises(lint_gate.BlockedByLint):
        lint_gate.refuse_blocking(at_work(run))
    assert Event.objects.filter(verb__in=["script.allow", "script.disallow"]).count() == 2


@pytest.mark.parametrize(
    ("rule", "reason", "refusal"),
    [
        ("whole-table-write", "  ", linted.ReasonMissing),
        ("drop-index-blocks", "none here", linted.NoSuchFinding),
    ],
)
def test_nothing_is_allowed_without_reason_or_in_advance(
    script: MigrationScript, rule: str, reason: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        linted.suppress(script=script, rule=rule, reason=reason, actor=ACTOR)
    assert not script.suppressions.exists()


def test_a_rule_is_allowed_once(script: MigrationScript) -> None:
    words: dict[str, Any] = {"rule": "whole-table-write", "reason": "a cache", "actor": ACTOR}
    linted.suppress(script=script, **words)
    with pytest.raises(linted.AllowedAlready):
        linted.suppress(script=script, **words)
    linted.unsuppress(script=script, rule="whole-table-write", actor=ACTOR)
    with pytest.raises(linted.NotAllowed):
        linted.unsuppress(script=script, rule="whole-table-write", actor=ACTOR)


def test_a_rollback_may_drop_what_its_partner_made(script: MigrationScript) -> None:
    script.text, script.role = "DROP TABLE notes;", MigrationScript.Role.SCHEMA
    assert linted.blocking([script])
    script.role = MigrationScript.Role.ROLLBACK
    assert not linted.blocking([script])


def test_the_targets_own_tables_decide(script: MigrationScript) -> None:
    home = Environment.objects.create(slug="lint", name="Lint")
    target = TargetDatabase.objects.create(name="t", environment=home, url_variable="TARGET_T_URL")
    script.text = "CREATE INDEX i ON settings (value);"
    TargetReport.objects.create(target=target, catalog=BOOKS.to_json())
    assert [s.finding.level for s in linted.findings_of(script)] == ["warning"]
    assert [s.finding.level for s in linted.findings_of(script, target)] == ["advice"]
