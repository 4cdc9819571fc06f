"""Scripts and runs inside the admin: the same verbs, and SQL that can't be read is not kept."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from migrations_runner.models import AppliedScript, MigrationRun, MigrationScript
from migrations_runner.states import RunState
from releases.models import Event, Release, TargetDatabase
from releases.states import ReleaseState
from tests.runs.conftest import MakeScript, QueueRun, signed_in, text

SCRIPTS = "admin:migrations_runner_migrationscript"
RUNS = "admin:migrations_runner_migrationrun"


def change(script: MigrationScript) -> str:
    return reverse(f"{SCRIPTS}_change", args=[script.pk])


def fields(sql: str) -> dict[str, str]:
    return {
        "path": "",
        "title": "",
        "role": "schema",
        "position": "0",
        "text": sql,
        "mode": "script",
        "driver_query": "",
        "reverts": "",
    }


def test_a_script_is_kept_with_its_line_ends_and_told(script: MakeScript, ben: User) -> None:
    only = script("1.sql", "")
    answer = signed_in(ben).post(change(only), fields("  SELECT 1;\r\nSELECT :'who';\r\n"))
    assert answer.status_code == 302
    only.refresh_from_db()
    assert only.text == "  SELECT 1;\nSELECT :'who';\n"
    assert len(only.sha256) == 64
    assert Event.objects.get(verb="script.edit").actor_name == "Ben Bauer"


def test_sql_that_can_not_be_read_is_refused_with_line_and_column(
    script: MakeScript, ben: User
) -> None:
    only = script("1.sql", "SELECT 1")
    shown = text(signed_in(ben).post(change(only), fields("SELECT 1;\r\n  SELEC 2;")))
    assert "Line 2, column 3: syntax error at or near &quot;SELEC&quot;" in shown
    only.refresh_from_db()
    assert only.text == "SELECT 1"


def test_a_new_script_is_made_and_told(release: Release, ben: User) -> None:
    given = {**fields("SELECT 1"), "release": str(release.pk), "name": "new.sql"}
    assert signed_in(ben).post(reverse(f"{SCRIPTS}_add"), given).status_code == 302
    assert MigrationScript.objects.get().name == "new.sql"
    assert Event.objects.get(verb="script.create").release == release


def test_editing_what_stands_on_a_target_says_what_follows(
    script: MakeScript, target: TargetDatabase, ben: User
) -> None:
    only = script("1.sql", "SELECT 1")
    AppliedScript.objects.create(
        target=target,
        release=only.release,
        name="universe-v2/1.sql",
        sha256=only.sha256,
        applied_at=timezone.now(),
    )
    shown = text(signed_in(ben).post(change(only), fields("SELECT 2"), follow=True))
    assert "stands on staging with its earlier text" in shown


def test_the_scripts_of_a_release_that_ended_are_only_read(script: MakeScript, ben: User) -> None:
    only = script("1.sql", "SELECT 1")
    Release.objects.update(state=ReleaseState.CLOSED)
    client = signed_in(ben)
    assert "SELECT 1" in text(client.get(change(only)))
    assert client.post(change(only), fields("SELECT 2")).status_code == 403
    given = {**fields("SELECT 1"), "release": str(only.release_id), "name": "new.sql"}
    assert "has ended" in text(client.post(reverse(f"{SCRIPTS}_add"), given))


def test_roles_that_see_no_sql_find_no_scripts(
    script: MakeScript, dora: User, cleo: User, vic: User
) -> None:
    only = script("1.sql", "SELECT 'recipe'")
    for user in (dora, cleo):
        assert signed_in(user).get(change(only)).status_code in {302, 403}
        listed = signed_in(user).get(reverse(f"{SCRIPTS}_changelist"), follow=True)
        assert "1.sql" not in listed.content.decode()
    assert "recipe" in text(signed_in(vic).get(change(only)))
    assert signed_in(vic).post(change(only), fields("SELECT 2")).status_code == 403


def test_the_list_action_leads_to_the_form_with_the_scripts_chosen(
    script: MakeScript, ben: User
) -> None:
    two, one = script("b.sql", "SELECT 2"), script("a.sql", "SELECT 1")
    MigrationScript.objects.filter(pk=two.pk).update(position=F("position") + 5)
    client, address = signed_in(ben), reverse(f"{SCRIPTS}_changelist")
    assert "Queue migration run…" in text(client.get(address))
    chosen = {"action": "queue_selected", "_selected_action": [two.pk, one.pk]}
    led = client.post(address, chosen)["Location"]
    assert led == f"/releases/universe-v2/runs/queue/?script={one.pk}&script={two.pk}"
    form = text(client.get(led))
    assert form.count(" checked") == 2
    MigrationScript.objects.create(
        release=Release.objects.create(slug="other", title="Other"), name="c.sql", text="SELECT 3"
    )
    chosen["_selected_action"] = list(MigrationScript.objects.values_list("pk", flat=True))
    assert "scripts of one release" in text(client.post(address, chosen, follow=True))


def test_a_viewer_is_offered_no_queueing(script: MakeScript, vic: User) -> None:
    script("1.sql", "SELECT 1")
    assert "Queue migration run" not in text(signed_in(vic).get(reverse(f"{SCRIPTS}_changelist")))


def test_runs_are_read_and_lead_to_their_page(queued: QueueRun, vic: User) -> None:
    run, client = queued("SELECT 1"), signed_in(vic)
    assert reverse("run", args=[run.pk]) in text(client.get(reverse(f"{RUNS}_changelist")))
    record = reverse(f"{RUNS}_change", args=[run.pk])
    assert reverse("run", args=[run.pk]) in text(client.get(record))
    assert client.post(record, {}).status_code == 403


@pytest.mark.parametrize("verb", ["add", "delete", "change"])
def test_nobody_writes_runs_by_hand(verb: str, queued: QueueRun, admin_user: User) -> None:
    run = queued("SELECT 1")
    address = reverse(f"{RUNS}_{verb}", args=[] if verb == "add" else [run.pk])
    assert signed_in(admin_user).post(address, {"post": "yes"}).status_code == 403
    assert MigrationRun.objects.get().state == RunState.QUEUED


def test_the_list_action_cancels_and_says_what_it_could_not(queued: QueueRun, ben: User) -> None:
    run = queued("SELECT 1")
    client, address = signed_in(ben), reverse(f"{RUNS}_changelist")
    chosen = {"action": "cancel_selected", "_selected_action": [run.pk]}
    assert "cancelled; nothing was run" in text(client.post(address, chosen, follow=True))
    assert "It is cancelled" in text(client.post(address, chosen, follow=True))
    assert Event.objects.filter(verb="run.cancel").count() == 1


def test_a_viewer_cannot_cancel_by_the_list_action(queued: QueueRun, vic: User) -> None:
    run = queued("SELECT 1")
    signed_in(vic).post(
        reverse(f"{RUNS}_changelist"),
        {"action": "cancel_selected", "_selected_action": [run.pk]},
    )
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_the_lists_take_the_same_number_of_queries_however_long_they_are(
    queued: QueueRun, vic: User
) -> None:
    client = signed_in(vic)

    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            text(client.get(reverse(f"{name}_changelist")))
        return len(captured)

    queued("SELECT 1")
    few = [queries(RUNS), queries(SCRIPTS)]
    for n in range(2, 12):
        queued(f"SELECT {n}")
    assert [queries(RUNS), queries(SCRIPTS)] == few
