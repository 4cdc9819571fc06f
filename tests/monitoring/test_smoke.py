"""Smoke tests against a real site: verdicts, variables, what one test hands to the next."""

from __future__ import annotations

import json
import socket

import pytest
from django.contrib.auth.models import User
from django.db import connection

from monitoring import smoke
from monitoring.models import SmokeRun, SmokeTest
from monitoring.smoke import (
    NothingToRun,
    SuiteRunsAlready,
    known_variables,
    run_smoke_test,
    run_suite,
)
from releases import evidence
from releases.models import Event, Evidence, Release, Verdict
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.monitoring.conftest import MakeTest, Site

OPERATOR = Actor.command("test")
BEARER = {"Authorization": "Bearer $TOKEN"}

pytestmark = pytest.mark.usefixtures("inside_allowed")


def run(test: SmokeTest, **variables: str) -> SmokeRun:
    return run_smoke_test(test=test, actor=OPERATOR, variables=variables)


@pytest.mark.parametrize(
    ("expected", "status", "verdict"),
    [
        ("2xx", 204, "pass"),
        ("200", 200, "pass"),
        ("200", 201, "fail"),
        ("401", 401, "pass"),
        ("2xx", 500, "fail"),
        ("200, 404", 404, "pass"),
        ("fine", 200, "inconclusive"),
        ("", 200, "inconclusive"),
    ],
)
def test_the_status_decides(
    expected: str, status: int, verdict: str, site: Site, make_test: MakeTest
) -> None:
    site.says("GET /", status)
    assert run(make_test("t", "/", expected_status=expected)).verdict == verdict


def test_a_text_that_is_missing_fails_and_one_beyond_what_is_read_cannot_be_told(
    site: Site, make_test: MakeTest
) -> None:
    test = make_test("t", "/", expected_text="Universe")
    site.says("GET /", 200, "My Universe")
    assert run(test).verdict == "pass"
    site.says("GET /", 200, "My Books")
    assert run(test).verdict == "fail"
    site.says("GET /", 200, "x" * 300_000 + "Universe")
    assert run(test).verdict == "inconclusive"


def test_a_closed_port_is_a_fail_and_a_forbidden_address_is_not(
    make_test: MakeTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    assert run(make_test("closed", f"http://127.0.0.1:{closed}/")).verdict == "fail"
    monkeypatch.delenv("OUTBOUND_ALLOWED_HOSTS")
    told = run(make_test("inside", f"http://127.0.0.1:{closed}/"))
    assert told.verdict == "inconclusive"
    assert "nothing was sent" in told.summary


def test_a_variable_that_is_not_set_is_named_and_nothing_is_sent(
    site: Site, make_test: MakeTest
) -> None:
    told = run(make_test("t", "/", headers=BEARER, body='{"key": "${API_KEY}"}', method="POST"))
    assert told.verdict == "inconclusive"
    assert "SMOKE_TOKEN and SMOKE_API_KEY are not set" in told.summary
    assert site.asked == []


def test_variables_are_filled_in_everywhere_and_never_kept(site: Site, make_test: MakeTest) -> None:
    site.says("POST /v1/books", 201, '{"echo": "s3cret-\\"quoted"}')
    test = make_test(
        "t", "$BASE/books", method="POST", headers=BEARER, body='{"name": "${WHO} wrote"}'
    )
    test.url = "$BASE/books"
    told = run(test, TOKEN="s3cret-", BASE=f"{site.url}/v1", WHO='A "quoted" name')
    assert told.verdict == "pass"
    assert site.asked[0].headers["Authorization"] == "Bearer s3cret-"
    assert json.loads(site.asked[0].body) == {"name": 'A "quoted" name wrote'}
    stored = (
        f"{told.response_start}{told.summary}{Evidence.objects.get()}{Event.objects.get().data}"
    )
    assert "s3cret" not in stored
    assert "[hidden]" in told.response_start


def test_nothing_but_smoke_variables_is_ever_sent(
    site: Site, make_test: MakeTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "TARGET_STAGING_URL", "AWS_SECRET_ACCESS_KEY", "SMOKE_SMOKE_A"):
        monkeypatch.setenv(name, "s3cret-value")
    for name in ("SECRET_KEY", "TARGET_STAGING_URL", "AWS_SECRET_ACCESS_KEY", "A"):
        told = run_smoke_test(test=make_test(name, f"/?x=${name}"), actor=Actor.command("test"))
        assert told.verdict == "inconclusive"
        assert f"SMOKE_{name}" in told.summary
    assert site.asked == []


def test_an_answer_that_no_text_column_holds_is_kept_all_the_same(
    site: Site, make_test: MakeTest
) -> None:
    site.says("GET /", 200, b"a\x00b\xff" + b"c" * 5000)
    told = run(make_test("t", "/"))
    assert told.verdict == "pass"
    told.refresh_from_db()
    assert len(told.response_start) == 2000


def test_a_redirect_is_named_and_not_followed(site: Site, make_test: MakeTest) -> None:
    site.says("GET /", 302, Location="/login")
    told = run(make_test("t", "/"))
    assert told.verdict == "fail"
    assert "It leads to /login" in told.summary


def test_the_result_is_evidence_and_an_event(site: Site, make_test: MakeTest, dora: User) -> None:
    site.says("GET /", 200, "ok")
    test = make_test("Homepage", "/")
    run_smoke_test(test=test, actor=Actor.person(dora), variables={})
    seen = evidence.latest(test)
    assert seen is not None
    assert (seen.verdict, seen.release, seen.numbers["status"]) == (Verdict.PASS, test.release, 200)
    event = Event.objects.get(verb="smoke.run")
    assert (event.actor_name, event.subject_label) == ("Dora Diaz", "Homepage")


# --- A suite ----------------------------------------------------------------------------------
@pytest.fixture
def plan(site: Site, make_test: MakeTest) -> list[SmokeTest]:
    """The four requests of a plan: the last one needs the id that the first one returns."""
    site.says("POST /api/universes", 201, '{"id": "1f0c", "name": "Test"}')
    site.says("GET /api/universes", 200, '{"universes": []}')
    site.says("POST /api/assets", 201, '{"id": 7}')
    site.says("POST /api/projects", 201, '{"id": "9a"}')
    book = '{"title": "Test Book", "universe_id": "uuid"}'
    return [
        make_test("Universe creation", "/api/universes", method="POST", headers=BEARER),
        make_test("Universe list", "/api/universes", headers=BEARER),
        make_test("Asset creation", "/api/assets", method="POST", headers=BEARER),
        make_test("Book creation", "/api/projects", method="POST", headers=BEARER, body=book),
    ]


def suite(release: Release) -> list[SmokeRun]:
    return run_suite(release=release, actor=OPERATOR, variables={"TOKEN": "t0ken"})


def test_a_stand_in_gets_the_id_that_an_earlier_test_made(
    site: Site, plan: list[SmokeTest], release: Release
) -> None:
    told = suite(release)
    assert [one.verdict for one in told] == ["pass"] * 4
    assert json.loads(site.asked[3].body) == {"title": "Test Book", "universe_id": "1f0c"}
    assert "universe_id is the id that “Universe creation” made" in told[3].summary


def test_without_the_earlier_test_the_stand_in_is_never_sent(
    site: Site, plan: list[SmokeTest], release: Release
) -> None:
    site.says("POST /api/universes", 500, '{"id": "1f0c"}')
    told = suite(release)
    assert [one.verdict for one in told] == ["fail", "pass", "pass", "inconclusive"]
    assert "universe_id is only “uuid”" in told[3].summary
    assert [asked.path for asked in site.asked].count("/api/projects") == 0
    assert run(plan[3], TOKEN="t").verdict == "inconclusive"


def test_a_suite_is_one_event_and_evidence_for_each_test(
    plan: list[SmokeTest], release: Release
) -> None:
    suite(release)
    event = Event.objects.get()
    assert (event.verb, event.data["note"]) == ("smoke.run_suite", "4 passed")
    assert (SmokeRun.objects.count(), Evidence.objects.count()) == (4, 4)


def test_tests_beyond_the_whole_time_are_not_sent_and_say_so(
    site: Site, plan: list[SmokeTest], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "SUITE_SECONDS", -1.0)
    told = suite(release)
    assert {one.verdict for one in told} == {"inconclusive"}
    assert site.asked == []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_run_the_suite_one_is_told(plan: list[SmokeTest], release: Release) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [7317, release.pk])
        with pytest.raises(SuiteRunsAlready):
            suite(release)
    finally:
        other.close()
    assert not SmokeRun.objects.exists()


def test_the_suite_may_be_run_again(plan: list[SmokeTest], release: Release) -> None:
    suite(release)
    suite(release)
    assert SmokeRun.objects.count() == 8


def test_a_viewer_may_not_run_anything(
    site: Site, plan: list[SmokeTest], release: Release, vic: User
) -> None:
    with pytest.raises(NotPermitted):
        run_suite(release=release, actor=Actor.person(vic), variables={})
    with pytest.raises(NotPermitted):
        run_smoke_test(test=plan[0], actor=Actor.person(vic), variables={})
    assert site.asked == []


def test_a_release_without_smoke_tests_says_so(release: Release) -> None:
    with pytest.raises(NothingToRun):
        suite(release)


def test_a_variable_of_a_test_is_one_of_the_environment_with_a_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMOKE_TOKEN", "given")
    monkeypatch.setenv("TOKEN", "of somebody else")
    assert known_variables()["TOKEN"] == "given"
