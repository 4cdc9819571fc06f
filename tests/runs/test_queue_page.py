"""The form that queues a run: what it offers, what it says beforehand, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from migrations_runner import holds
from migrations_runner.linting.ddl import after
from migrations_runner.models import AppliedScript, MigrationRun, MigrationScript, TargetReport
from migrations_runner.parsing import parse_script
from releases.models import Event, Release, TargetDatabase
from releases.states import ReleaseState
from releases.timeline import Actor
from tests.runs.conftest import MakeScript, signed_in, text


def address(release: Release) -> str:
    return reverse("queue-run", args=[release.slug])


def form(target: TargetDatabase, *scripts: MigrationScript, **more: str) -> dict[str, Any]:
    return {"target": target.name, "script": [one.pk for one in scripts], **more}


def applied(
    script: MigrationScript, target: TargetDatabase, sha256: str = "", values: str = ""
) -> None:
    AppliedScript.objects.create(
        target=target,
        release=script.release,
        name=f"{script.release.slug}/{script.name}{values}",
        sha256=sha256 or script.sha256,
        applied_at=timezone.now(),
    )


def test_scripts_stand_in_plan_order_with_their_states(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    script("zz_first.sql", "SELECT 1")
    script("aa_second.sql", "")
    applied(script("third.sql", "SELECT 3"), target)
    applied(script("fourth.sql", "SELECT 4"), target, sha256="0" * 64)
    page = text(signed_in(ben).get(address(release)))
    names = ("zz_first.sql", "aa_second.sql", "third.sql", "fourth.sql")
    places = [page.index(name) for name in names]
    assert places == sorted(places)
    states = ("Awaiting file", "On staging", "Another text on staging")
    found = [page.index(f">{state}<") for state in states]
    assert places[1] < found[0] < places[2] < found[1] < places[3] < found[2]


def test_a_script_that_awaits_its_file_can_not_be_chosen(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    waiting = script("waiting.sql", "")
    client = signed_in(ben)
    assert f'value="{waiting.pk}" disabled' in text(client.get(address(release)))
    refused = client.post(address(release), form(target, waiting, queue="yes"))
    assert "Choose at least one script" in text(refused, 409)


def test_what_a_rollback_took_back_stands_nowhere(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    applied(script("up.sql", "SELECT 1"), target)
    applied(script("down.sql", "SELECT 2", role="rollback"), target)
    page = text(signed_in(ben).get(address(release)))
    assert page.count("On staging") == 1
    assert page.index("On staging") > page.index("down.sql")


def test_a_script_with_values_stands_there_with_some_and_may_run_with_others(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    only = script("one with care.sql", "SELECT :'who'")
    for digest in ("0123abcd", "89abcdef"):
        applied(only, target, values=f" with {digest}")
    shown = text(signed_in(ben).get(address(release), form(target, only)))
    assert shown.count("On staging, with some values") == 1
    assert "Skipped" not in shown
    applied(script("2.sql", "SELECT 2"), target)
    again = text(signed_in(ben).get(address(release), form(target, *release.scripts.all())))
    assert again.count("Skipped: stands there already") == 1


def test_choosing_shows_what_would_happen_and_asks_for_the_values(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    first = script("1.sql", "CREATE TABLE a ();\nDELETE FROM b WHERE id = :'user_id';")
    second = script("2.sql", "\\set n 5\nSELECT :n, :'user_id', :\"tab\";")
    index = script("3.sql", "CREATE INDEX CONCURRENTLY i ON a (id);")
    shown = text(
        signed_in(ben).post(
            address(release), form(target, first, second, index), headers={"HX-Request": "true"}
        )
    )
    assert "<html" not in shown
    assert "3 scripts" in shown
    assert "4 statements" in shown
    assert 'name="var-user_id"' in shown
    assert 'name="var-tab"' in shown
    assert "var-n" not in shown
    assert "1.sql, line 2; 2.sql, line 2" in shown
    assert "Not one transaction" in shown
    assert ">DELETE<" in shown
    assert not MigrationRun.objects.exists()


def test_a_script_that_can_not_run_is_shown_with_line_and_column_and_offers_no_queueing(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    bad = script("bad.sql", "SELECT 1;\nSELEC 2;")
    shown = text(signed_in(ben).post(address(release), form(target, bad)))
    assert "Line 2, column 1: syntax error at or near &quot;SELEC&quot;" in shown
    assert 'name="queue"' not in shown


def test_without_scripting_the_page_shows_the_same(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    only = script("1.sql", "SELECT :'who'")
    shown = text(signed_in(ben).get(address(release), form(target, only)))
    assert "<noscript>" in shown
    assert 'name="var-who"' in shown
    assert 'name="queue"' in shown


def test_queueing_keeps_values_and_order_and_is_told_under_the_persons_name(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    one, two = script("1.sql", "SELECT :'who'"), script("2.sql", "SELECT 2")
    answer = signed_in(ben).post(
        address(release), form(target, two, one, queue="yes", **{"var-who": " Ana's "})
    )
    run = MigrationRun.objects.get()
    assert answer["Location"] == reverse("run", args=[run.pk])
    assert run.variables == {"who": " Ana's "}
    assert [copy.name for copy in run.scripts.all()] == ["1.sql", "2.sql"]
    assert Event.objects.get(verb="run.queue").actor_name == "Ben Bauer"


def test_a_missing_value_is_refused_with_line_and_column_and_what_was_typed_stays(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    only = script("1.sql", "SELECT :'who',\n :'what'")
    given = form(target, only, queue="yes", **{"var-who": "Ana", "var-what": ""})
    shown = text(signed_in(ben).post(address(release), given), 409)
    assert "Line 2, column 2: give a value to what (line 2)" in shown
    assert 'value="Ana"' in shown
    assert not MigrationRun.objects.exists()


def test_production_asks_for_its_name(
    script: MakeScript, release: Release, live: TargetDatabase, ben: User
) -> None:
    only, client = script("1.sql", "SELECT 1"), signed_in(ben)
    assert "Type <span" in text(client.post(address(release), form(live, only)))
    for typed in ("", "staging", "Production"):
        given = form(live, only, queue="yes", confirm=typed)
        assert "type the name of the target" in text(client.post(address(release), given), 409)
    assert not MigrationRun.objects.exists()
    client.post(address(release), form(live, only, queue="yes", confirm=" production "))
    assert MigrationRun.objects.get().target == live


def test_a_second_click_is_a_message_and_no_second_run(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    given = form(target, script("1.sql", "SELECT 1"), queue="yes")
    client = signed_in(ben)
    client.post(address(release), given)
    again = text(client.post(address(release), given, follow=True))
    assert f"See run {MigrationRun.objects.get().pk}" in again


@pytest.mark.parametrize(
    "given",
    [
        {"target": "moon"},
        {"target": "staging", "script": ["99999999999999999", "-1", "x", "²"]},
    ],
)
def test_nonsense_is_refused_in_words(
    given: dict[str, Any], script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    script("1.sql", "SELECT 1")
    shown = text(signed_in(ben).post(address(release), {**given, "queue": "yes"}), 409)
    assert "nothing was queued" in shown


def test_a_nul_is_refused_at_the_door(release: Release, target: TargetDatabase, ben: User) -> None:
    given = {"target": "\x00", "script": "\x00", "var-\x00": "\x00", "queue": "yes"}
    assert "be stored" in text(signed_in(ben).post(address(release), given), 400)


def test_a_script_of_another_release_is_not_taken(
    release: Release, target: TargetDatabase, ben: User
) -> None:
    other = Release.objects.create(slug="other", title="Other")
    theirs = MigrationScript.objects.create(release=other, name="x.sql", text="SELECT 1")
    given = form(target, theirs, queue="yes")
    assert "not here any more" in text(signed_in(ben).post(address(release), given), 409)


def test_all_that_is_ready_and_new_is_one_link_away(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    applied(script("done.sql", "SELECT 1"), target)
    new = script("new.sql", "SELECT 2")
    script("back.sql", "SELECT 3", role="rollback")
    script("draft.sql", "SELECT 4", role="draft")
    script("waiting.sql", "")
    page = text(signed_in(ben).get(address(release), {"target": "staging"}))
    assert f'href="?target=staging&amp;script={new.pk}"' in page


def test_those_who_see_no_sql_see_none_of_it(
    script: MakeScript,
    release: Release,
    target: TargetDatabase,
    cleo: User,
    dora: User,
    dan: User,
    vic: User,
) -> None:
    only = script("1.sql", "SELECT 'a secret recipe'")
    for user in (cleo, dora, dan, vic):
        client = signed_in(user)
        assert client.get(address(release)).status_code == 403
        assert client.post(address(release), form(target, only, queue="yes")).status_code == 403
    for user in (cleo, dora, dan):
        listed = signed_in(user).get(reverse("release-runs", args=[release.slug]))
        assert listed.status_code == 403
    assert not MigrationRun.objects.exists()


def test_the_number_of_queries_does_not_grow_with_scripts_and_targets(
    script: MakeScript, release: Release, target: TargetDatabase, live: TargetDatabase, ben: User
) -> None:
    client = signed_in(ben)

    def queries(*scripts: MigrationScript) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            text(client.post(address(release), form(target, *scripts)))
        return len(captured)

    first = script("0.sql", "SELECT 1")
    applied(first, target)
    few = queries(first)
    more = [script(f"{n}.sql", f"SELECT {n}, :'x'") for n in range(1, 12)]
    for one in more:
        applied(one, live)
    assert queries(first, *more) == few


def test_a_release_that_has_ended_still_shows_its_runs(release: Release, vic: User) -> None:
    Release.objects.filter(pk=release.pk).update(state=ReleaseState.CLOSED)
    listed = text(signed_in(vic).get(reverse("release-runs", args=[release.slug])))
    assert "Nothing has run yet" in listed
    assert "Queue a run" not in listed


def looked_at(target: TargetDatabase, *texts: str) -> None:
    """A worker has seen the tables that these statements make."""
    tables = after(None, parse_script("\n".join(texts), None).statements)
    assert tables is not None
    TargetReport.objects.create(target=target, at=timezone.now(), ok=True, catalog=tables.to_json())


def test_what_lint_would_stop_is_told_with_its_line_and_offers_no_queueing(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    only = script("1.sql", "SELECT 1;\nDROP TABLE projects;")
    shown = text(signed_in(ben).get(address(release), form(target, only)))
    assert f"/scripts/{only.pk}/?target=staging#L2" in shown
    assert "drop-destroys-data" in shown
    assert 'name="queue"' not in shown
    only.suppressions.create(rule="drop-destroys-data", reason="copied", by="Ana")
    assert 'name="queue"' in text(signed_in(ben).get(address(release), form(target, only)))


def test_a_backfill_shows_the_sql_that_really_runs_or_why_it_can_not(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    local = script("1.sql", "UPDATE a SET m = 1 WHERE m IS NULL;", mode="backfill")
    other = script("2.sql", "UPDATE a SET m = (SELECT max(n) FROM a);", mode="backfill")
    unseen = text(signed_in(ben).get(address(release), form(target, local)))
    assert "once a worker has seen the tables" in unseen
    looked_at(target, "CREATE TABLE a (n int PRIMARY KEY, m int);")
    shown = text(signed_in(ben).get(address(release), form(target, local)))
    assert "The SQL that really runs, batch by batch" in shown
    assert "$1" in shown
    against = text(signed_in(ben).get(address(release), form(target, other)))
    assert "Line 1 is not provably row-local" in against
    assert "one transaction" in against


def test_a_fan_out_asks_only_for_what_its_query_does_not_give(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    sql = "INSERT INTO a VALUES (:'user_id', :'plan') ON CONFLICT (id) DO NOTHING;"
    query = "SELECT id AS user_id FROM users"
    only = script("1.sql", sql, mode="fan_out", driver_query=query)
    shown = text(signed_in(ben).get(address(release), form(target, only)))
    assert 'name="var-plan"' in shown
    assert "var-user_id" not in shown
    only.driver_query = "DELETE FROM users"
    only.save()
    wrong = text(signed_in(ben).get(address(release), form(target, only)))
    assert "It has to be one SELECT." in wrong
    assert 'name="queue"' not in wrong


def test_what_a_script_includes_asks_for_its_values_too(
    script: MakeScript, release: Release, target: TargetDatabase, ben: User
) -> None:
    script("inner.sql", "SELECT :'who';")
    outer = script("outer.sql", "\\i inner.sql\nSELECT 2;")
    shown = text(signed_in(ben).get(address(release), form(target, outer)))
    assert 'name="var-who"' in shown
    assert "2 statements" in shown


def test_who_could_approve_is_told_and_that_nobody_could(
    script: MakeScript, release: Release, live: TargetDatabase, ana: User, ben: User
) -> None:
    live.environment.approvals_needed = 1
    live.environment.save()
    only = script("1.sql", "CREATE TABLE a (n int PRIMARY KEY);")
    shown = text(signed_in(ben).get(address(release), form(live, only)))
    assert "Ana Almeida could" in shown
    answer = signed_in(ben).post(
        address(release), form(live, only, queue="yes", confirm="production"), follow=True
    )
    assert "waits for somebody else to approve it" in text(answer)
    ana.is_active = False
    ana.save()
    alone = text(signed_in(ben).get(address(release), form(live, only)))
    assert "Nobody could approve" in alone
    assert 'name="queue"' not in alone


def test_a_missing_dump_and_a_hold_are_told_before(
    script: MakeScript, release: Release, live: TargetDatabase, ana: User, ben: User
) -> None:
    only = script("1.sql", "CREATE TABLE a (n int PRIMARY KEY);")
    free = text(signed_in(ben).get(address(release), form(live, only)))
    assert "This target needs no backup before a run." in free
    live.backup = TargetDatabase.BackupNeed.DUMP
    live.save()
    holds.hold(target=live, reason="the disk is nearly full", actor=Actor.person(ana))
    shown = text(signed_in(ben).get(address(release), form(live, only)))
    assert "one is taken and verified before the first script" in shown
    assert "production is held, so it would wait: the disk is nearly full (Ana Almeida)" in shown
