"""The page of smoke tests, the command, and their records in the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring.models import Guardrail, Metric, SmokeRun, SmokeTest
from releases.models import Event, Release
from tests.monitoring.conftest import MakeTest, Site

pytestmark = pytest.mark.usefixtures("inside_allowed")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return str(response.content.decode())


def address(release: Release) -> str:
    return reverse("smoke", args=[release.slug])


# --- The page ---------------------------------------------------------------------------------
def test_run_all_sends_every_test_and_shows_what_came(
    site: Site, make_test: MakeTest, release: Release, dora: User
) -> None:
    site.says("GET /a", 200, "<b>hello</b>")
    site.says("GET /b", 500)
    make_test("Alpha", "/a")
    make_test("Beta", "/b")
    client = signed_in(dora)
    before = text(client.get(address(release)))
    assert "Run all 2" in before
    assert before.count("Not run yet") == 3
    after = text(client.post(address(release), follow=True))
    assert "Smoke tests: 1 passed, 1 failed." in after
    assert "&lt;b&gt;hello&lt;/b&gt;" in after
    assert "500 in" in after
    assert Event.objects.get(verb="smoke.run_suite").actor_name == "Dora Diaz"


def test_one_test_may_be_run_alone(site: Site, make_test: MakeTest, dora: User) -> None:
    site.says("GET /a", 200)
    test = make_test("Alpha", "/a")
    make_test("Beta", "/b")
    alone = reverse("run-smoke-test", args=[test.release.slug, test.pk])
    assert "Alpha: 200 in" in text(signed_in(dora).post(alone, follow=True))
    assert [asked.path for asked in site.asked] == ["/a"]
    assert signed_in(dora).get(alone).status_code == 405


def test_a_variable_without_a_value_is_named_before_anything_is_run(
    make_test: MakeTest, release: Release, vic: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMOKE_SHOP_TOKEN", raising=False)
    make_test("Alpha", "/a", headers={"Authorization": "Bearer $SHOP_TOKEN"})
    assert "SMOKE_SHOP_TOKEN is not set in the web process" in text(
        signed_in(vic).get(address(release))
    )
    monkeypatch.setenv("SMOKE_SHOP_TOKEN", "s3cret-value")
    shown = text(signed_in(vic).get(address(release)))
    assert "not set" not in shown
    assert "s3cret-value" not in shown


def test_who_may_look_may_not_run(
    site: Site, make_test: MakeTest, release: Release, vic: User, cleo: User, dan: User
) -> None:
    alone = reverse("run-smoke-test", args=[release.slug, make_test("Alpha", "/a").pk])
    assert "Run all" not in text(signed_in(vic).get(address(release)))
    for user in (vic, cleo, dan):
        assert signed_in(user).post(address(release)).status_code == 403
        assert signed_in(user).post(alone).status_code == 403
    for user in (cleo, dan):
        assert signed_in(user).get(address(release)).status_code == 403
    assert site.asked == []


def test_a_release_without_tests_says_so(release: Release, dora: User) -> None:
    client = signed_in(dora)
    assert "has no smoke tests" in text(client.get(address(release)))
    assert "nothing was sent" in text(client.post(address(release), follow=True))


def test_the_number_of_queries_does_not_grow(
    site: Site, make_test: MakeTest, release: Release, dora: User
) -> None:
    client = signed_in(dora)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            text(client.get(address(release)))
        return len(captured)

    make_test("0", "/a")
    client.post(address(release), follow=True)
    few = queries()
    for n in range(1, 8):
        make_test(str(n), "/a")
    for _ in range(7):
        client.post(address(release), follow=True)
    assert queries() == few
    shown = text(client.get(address(release)))
    assert shown.count("404 in") == 8 * 6  # the newest, and five in the list of earlier runs


# --- The command ------------------------------------------------------------------------------
def test_the_command_tells_by_its_exit_code(
    site: Site, make_test: MakeTest, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    site.says("GET /a", 200)
    make_test("Alpha", "/a")
    call_command("run_smoke_tests", release.slug)
    assert "pass         Alpha: 200 in" in capsys.readouterr().out
    make_test("Beta", "/$NOBODY_SETS_THIS")
    with pytest.raises(CommandError, match="1 passed, 1 cannot tell") as unsure:
        call_command("run_smoke_tests", release.slug, "--json")
    assert unsure.value.returncode == 2
    told = json.loads(capsys.readouterr().out)
    assert told["release"] == release.slug
    assert [one["verdict"] for one in told["tests"]] == ["pass", "inconclusive"]
    make_test("Gamma", "/no")
    with pytest.raises(CommandError, match="1 failed") as failed:
        call_command("run_smoke_tests", release.slug)
    assert failed.value.returncode == 1
    with pytest.raises(CommandError, match="Looked for moon"):
        call_command("run_smoke_tests", "moon")


# --- Records ----------------------------------------------------------------------------------
def test_the_admin_runs_smoke_tests_from_their_list(
    site: Site, make_test: MakeTest, dora: User, vic: User
) -> None:
    site.says("GET /a", 200)
    test = make_test("Alpha", "/a")
    listed = reverse("admin:monitoring_smoketest_changelist")
    chosen = {"action": "run_selected", "_selected_action": [test.pk]}
    assert "Alpha: 200 in" in text(signed_in(dora).post(listed, chosen, follow=True))
    signed_in(vic).post(listed, chosen)
    assert SmokeRun.objects.count() == 1


def test_a_smoke_test_that_could_never_be_sent_is_not_kept(
    make_test: MakeTest, admin_user: User
) -> None:
    test = make_test("Alpha", "/a")
    record = reverse("admin:monitoring_smoketest_change", args=[test.pk])
    given = {
        "release": test.release_id,
        "key": "k",
        "name": "Alpha",
        "position": 1,
        "method": "connect",
        "url": "http://x.test/",
        "headers": '{"A": 1}',
        "body": "",
        "expected_status": "fine",
        "expected_text": "",
        "notes": "[]",
    }
    shown = text(signed_in(admin_user).post(record, given))
    for said in ("One of DELETE", "Names and texts", "is not a status"):
        assert said in shown
    right = {**given, "method": "put", "headers": "{}", "expected_status": "2xx"}
    assert signed_in(admin_user).post(record, right).status_code == 302
    assert SmokeTest.objects.get().method == "PUT"


def test_records_of_what_is_watched_are_shown_in_words(release: Release, vic: User) -> None:
    Metric.objects.create(
        release=release, key="m", name="Latency", comparison="<", goal=300, unit="ms"
    )
    Guardrail.objects.create(
        release=release,
        key="g",
        origin="trigger",
        text="Error rate above 5 %",
        comparison=">",
        limit=5,
        unit="%",
        consequence="roll_back",
    )
    client = signed_in(vic)
    assert "below 300 ms" in text(client.get(reverse("admin:monitoring_metric_changelist")))
    assert "above 5 %" in text(client.get(reverse("admin:monitoring_guardrail_changelist")))


def test_nobody_arms_a_guardrail_by_hand_nor_writes_what_a_machine_saw(
    site: Site, make_test: MakeTest, release: Release, admin_user: User
) -> None:
    guardrail = Guardrail.objects.create(
        release=release, key="g", origin="trigger", text="Errors", consequence="warn"
    )
    client = signed_in(admin_user)
    record = reverse("admin:monitoring_guardrail_change", args=[guardrail.pk])
    given = {
        "release": release.pk,
        "key": "g",
        "origin": "trigger",
        "text": "Errors!",
        "consequence": "warn",
        "position": 0,
        "armed": "on",
    }
    assert client.post(record, given).status_code == 302
    guardrail.refresh_from_db()
    assert (guardrail.text, guardrail.armed) == ("Errors!", False)
    make_test("Alpha", "/a")
    client.post(address(release))
    seen = reverse("admin:monitoring_smokerun_change", args=[SmokeRun.objects.get().pk])
    assert client.get(seen).status_code == 200
    assert client.post(seen, {"verdict": "pass"}).status_code == 403
