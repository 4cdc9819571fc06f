"""Stored scripts: what people allow, and what keeps a run from starting."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from migrations_runner import editing, execution, linted
from migrations_runner.models import MigrationRun, MigrationScript, TargetReport
from releases.models import Environment, Event, Release, TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.linting.catalogs import BOOKS

ACTOR = Actor.command("test")


@pytest.fixture
def script(db: None) -> MigrationScript:
    release = Release.objects.create(slug="lint", title="Lint")
    return MigrationScript.objects.create(release=release, name="1.sql", text="DELETE FROM carts;")


def ended(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def test_saving_never_refuses_for_findings_and_answers_them(script: MigrationScript) -> None:
    (shown,) = editing.save(script=script, actor=ACTOR, created=False)
    assert (shown.finding.rule, shown.blocks) == ("whole-table-write", True)


def test_a_run_with_a_standing_error_is_refused_by_rule_and_line(
    queue: QueueRun, on_target: psycopg.Connection[Any]
) -> None:
    on_target.execute("CREATE TABLE carts (id int)")
    on_target.execute("INSERT INTO carts VALUES (1)")
    run = ended(queue("SELECT 1;\nDELETE FROM carts;"))
    assert run.state == "failed"
    assert "1.sql, line 2: whole-table-write" in run.error
    assert on_target.execute("SELECT count(*) FROM carts").fetchone() == (1,)


def test_allowed_with_a_reason_it_runs_and_taken_back_it_does_not(
    queue: QueueRun, on_target: psycopg.Connection[Any]
) -> None:
    on_target.execute("CREATE TABLE carts (id int)")
    run = queue("DELETE FROM carts;")
    script = MigrationScript.objects.get(name="1.sql")
    linted.suppress(script=script, rule="whole-table-write", reason="a cache", actor=ACTOR)
    assert ended(run).state == "succeeded"
    assert [(s.allowed, s.by) for s in linted.findings_of(script)] == [("a cache", ACTOR.name)]
    linted.unsuppress(script=script, rule="whole-table-write", actor=ACTOR)
    assert ended(queue("DELETE FROM carts;", names=("2.sql",))).state == "failed"
    assert Event.objects.filter(verb__in=["script.allow", "script.disallow"]).count() == 2


def test_a_table_that_an_earlier_script_of_the_run_makes_is_known(queue: QueueRun) -> None:
    texts = ("CREATE TABLE made (id int);", "INSERT INTO made SELECT 1; UPDATE made SET id = 2;")
    run = queue(*texts)
    assert ended(run).state == "succeeded", run.error


def test_a_table_that_nobody_makes_is_named_before_anything_is_run(
    queue: QueueRun, on_target: psycopg.Connection[Any]
) -> None:
    run = ended(queue("CREATE TABLE made (id int);", "UPDATE never_made SET id = 2;"))
    assert run.state == "failed"
    assert "2.sql, line 1: unknown-table" in run.error
    assert on_target.execute("SELECT to_regclass('made')").fetchone() == (None,)


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


def test_the_list_of_scripts_tells_of_findings_at_a_fixed_cost(
    script: MigrationScript, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    page = reverse("admin:migrations_runner_migrationscript_changelist")
    admin_client.get(page)  # what is read once a process or a session
    with django_assert_max_num_queries(20) as few:
        assert "1 keep it from running" in admin_client.get(page).content.decode()
    texts = ("CREATE TABLE fresh (n int);", "DELETE FROM fresh;", "SELECT 1;")
    MigrationScript.objects.bulk_create(
        MigrationScript(
            release=script.release, name=f"{n}.sql", text=texts[n % 3], position=n, sha256="x"
        )
        for n in range(2, 40)
    )
    with django_assert_max_num_queries(len(few)):
        told = admin_client.get(page).content.decode()
    assert "Nothing found" in told
    linted.suppress(script=script, rule="whole-table-write", reason="meant", actor=ACTOR)
    assert linted.in_words(linted.of_releases([script.release_id])[script.pk]) == "nothing found"
