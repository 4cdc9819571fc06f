"""The stand-in asks for its flag, counts per variant, and fails on demand."""

from __future__ import annotations

import json

import pytest

from tests.examples.standins import (
    FlagServer,
    StandIn,
)


def test_the_books_page_says_whether_this_user_has_universes(
    standin: StandIn, flag_server: FlagServer
) -> None:
    flag_server.on = {"user-7", "قارئ"}
    wants = {"Accept": "application/json"}
    for user, expected in (("user-7", True), ("user-8", False), ("قارئ", True)):
        headers = {"X-User-Id": user.encode()}
        page = standin.send("GET", "/app/books", headers=headers).text
        assert f'"universe_v2": {json.dumps(expected)}' in page
        answer = standin.send("GET", "/app/books", headers={**headers, **wants}).json()
        assert answer["universe_v2"] is expected
    assert ("user-7", "Bearer ask-flags") in flag_server.asked


def test_without_a_user_nobody_is_asked_and_the_old_page_shows(
    standin: StandIn, flag_server: FlagServer
) -> None:
    assert '"universe_v2": false' in standin.get("/app/books").text
    assert flag_server.asked == []
    assert standin.metric("app_flag_failures_total") == 0


@pytest.mark.parametrize(
    ("status", "raw"),
    [(500, b"{}"), (401, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b"[" * 60_000), (204, b"")],
)
def test_a_flag_that_cannot_be_asked_is_off_and_counted(
    standin: StandIn, flag_server: FlagServer, status: int, raw: bytes
) -> None:
    flag_server.status, flag_server.raw = status, raw
    assert '"universe_v2": false' in standin.get("/app/books", **{"X-User-Id": "user-7"}).text
    assert standin.metric("app_flag_failures_total") == 1


def test_requests_errors_and_seconds_are_counted_per_variant(
    standin: StandIn, flag_server: FlagServer
) -> None:
    flag_server.on = {"user-7"}
    for user in ("user-7", "user-8", "user-8"):
        standin.get("/app/books", **{"X-User-Id": user})
    standin.get("/api/universes", **{"X-User-Id": "user-7"})  # 422: nobody's fault but the caller's
    standin.get("/api/universes")  # 503: not there yet
    standin.get("/healthz")
    assert standin.metric('app_requests_total{variant="on"}') == 2
    assert standin.metric('app_requests_total{variant="off"}') == 3
    assert standin.metric('app_errors_total{variant="on"}') == 0
    assert standin.metric('app_errors_total{variant="off"}') == 1
    assert standin.metric('app_request_duration_seconds_count{variant="on"}') == 2
    assert standin.metric('app_request_duration_seconds_bucket{variant="on",le="+Inf"}') == 2
    assert standin.metric('app_request_duration_seconds_sum{variant="on"}') > 0


def test_chaos_fails_exactly_its_share_and_calms_down_again(standin: StandIn) -> None:
    calm = {"error_rate": 0.0, "delay_ms": 0, "variant": None}
    stormy = standin.post("/chaos", {"error_rate": 0.2})
    assert stormy.json() == {**calm, "error_rate": 0.2}
    statuses = [standin.get("/app/books").status_code for _ in range(20)]
    assert (statuses.count(500), statuses.count(200)) == (4, 16)
    assert standin.metric('app_errors_total{variant="off"}') == 4
    assert standin.get("/healthz").status_code == 200
    assert standin.post("/chaos", {}).json() == standin.get("/chaos").json()
    assert {standin.get("/app/books").status_code for _ in range(5)} == {200}


def test_chaos_can_hit_one_side_of_the_flag_only(standin: StandIn, flag_server: FlagServer) -> None:
    flag_server.on = {"user-7"}
    standin.post("/chaos", {"error_rate": 1, "delay_ms": 60, "variant": "on"})
    assert standin.get("/app/books", **{"X-User-Id": "user-8"}).status_code == 200
    assert standin.get("/app/books", **{"X-User-Id": "user-7"}).status_code == 500
    assert standin.metric('app_request_duration_seconds_sum{variant="on"}') >= 0.06
