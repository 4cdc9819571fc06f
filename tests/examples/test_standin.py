"""The stand-in of the application, as a process, over real HTTP and a real example world."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.examples.kit import OWN_SCRIPTS, PLAN_SCRIPTS, ask
from tests.examples.standins import (
    TIMEOUT,
    TOKEN,
    StandIn,
)


def test_every_page_loads_without_a_token(standin: StandIn) -> None:
    for path in ("/", "/login", "/dashboard", "/app/books", "/assets"):
        answer = requests.get(standin.url + path, timeout=TIMEOUT)
        assert (path, answer.status_code) == (path, 200)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_before_the_migration_universes_are_plainly_not_there_yet(standin: StandIn) -> None:
    for answer in (
        standin.get("/api/universes"),
        standin.post("/api/universes", {"name": "Early"}),
        standin.get("/universes"),
    ):
        assert answer.status_code == 503
        assert answer.json() == {"error": "universes are not there yet"}


def test_a_book_in_a_universe_waits_for_the_migration_and_other_books_do_not(
    standin: StandIn,
) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    early = standin.post("/api/projects", {"title": "Early", "universe_id": missing})
    assert (early.status_code, early.json()["error"]) == (503, "universes are not there yet")
    assert standin.post("/api/projects", {"title": "On time"}).status_code == 201


@pytest.mark.parametrize("scripts", [OWN_SCRIPTS, PLAN_SCRIPTS], ids=["own", "plan"])
def test_the_plans_four_smoke_tests_pass_after_either_migration_and_leave_nothing(
    standin: StandIn, small_world: str, run_script: Callable[..., str], scripts: list[Any]
) -> None:
    # Asked before as well: a connection that saw the old schema must serve the new one.
    assert standin.get("/api/projects").status_code == 200
    for script in scripts:
        run_script(small_world, script)
    books = ask(small_world, "SELECT count(*) FROM projects")
    universe = standin.post(
        "/api/universes", {"name": "Test Universe", "description": "Smoke test"}
    )
    assert universe.status_code == 201
    listed = standin.get("/api/universes").json()["universes"]
    assert universe.json()["id"] in [each["id"] for each in listed]
    asset = standin.post("/api/assets", {"type": "illustration", "name": "Test Asset"})
    book = standin.post(
        "/api/projects", {"title": "Test Book", "universe_id": universe.json()["id"]}
    )
    assert (asset.status_code, book.status_code) == (201, 201)
    assert book.json()["universe_id"] == universe.json()["id"]
    in_use = standin.send("DELETE", universe.headers["Location"])
    assert in_use.status_code == 409
    for made in (book, universe, asset):
        assert standin.send("DELETE", made.headers["Location"]).status_code == 204
        assert standin.send("DELETE", made.headers["Location"]).status_code == 404
    assert ask(small_world, "SELECT count(*) FROM projects") == books


def test_names_come_through_as_people_wrote_them(migrated: StandIn) -> None:
    name = "مدينة النور 👩🏽‍🎨 O'Brien <b>"
    made = migrated.post("/api/universes", {"name": name})
    assert made.json()["name"] == name
    assert name in made.content.decode("utf-8")  # not as escapes
    page = migrated.get("/universes").content.decode("utf-8")
    assert '<li dir="auto">مدينة النور 👩🏽‍🎨 O&#x27;Brien &lt;b&gt;</li>' in page


def test_one_account_cannot_use_or_delete_what_another_has(
    migrated: StandIn, small_world: str
) -> None:
    reader = ask(small_world, "SELECT id::text FROM accounts WHERE email = 'reader2@example.org'")
    mine = migrated.post("/api/universes", {"name": "Mine"}).json()["id"]
    stolen = {"title": "Stolen", "universe_id": mine}
    taken = migrated.post("/api/projects", stolen, **{"X-User-Id": reader})
    assert (taken.status_code, taken.json()["error"]) == (
        422,
        "no such universe of this account",
    )
    gone = migrated.send("DELETE", f"/api/universes/{mine}", headers={"X-User-Id": reader})
    assert gone.status_code == 404
    assert migrated.get("/api/projects", **{"X-User-Id": reader}).json()["total"] > 0


@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Basic abc", TOKEN, "Bearer ", "Bearer é"])
def test_the_api_needs_the_token(refusing_standin: StandIn, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown.encode()}
    answer = requests.get(refusing_standin.url + "/api/projects", headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 401
    assert "error" in answer.json()


def test_curl_as_the_plan_writes_it_sends_a_form_and_is_told_so(refusing_standin: StandIn) -> None:
    answer = refusing_standin.send("POST", "/api/projects", data='{"title":"Test Book"}')
    assert answer.status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (
        refusing_standin.send("POST", "/api/projects", data="{}", headers=form).status_code == 415
    )


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/api/projects", b"{not json", 400, "not JSON"),
        ("/api/projects", b"[" * 50_000, 400, "not JSON"),
        ("/api/projects", b'{"title": "\xff"}', 400, "not JSON"),
        ("/api/projects", b"", 400, "not JSON"),
        ("/api/projects", b"[1]", 400, "object"),
        ("/api/projects", b"{}", 422, "title"),
        ("/api/projects", b'{"title": "  "}', 422, "title"),
        ("/api/projects", b'{"title": 7}', 422, "title"),
        ("/api/projects", b'{"title": "a\\u0000b"}', 422, "title"),
        ("/api/projects", b'{"title": "\\ud83d"}', 422, "title"),
        ("/api/projects", b'{"title": "' + b"x" * 201 + b'"}', 422, "longer"),
        ("/api/projects", b'{"title": "Test Book", "universe_id": "uuid"}', 422, "UUID"),
        ("/api/assets", b'{"type": "hologram", "name": "x"}', 422, "illustration"),
        ("/api/universes", b'{"name": "x", "tags": ["default"]}', 422, "reserved"),
        ("/api/universes", b'{"name": "x", "tags": "y"}', 422, "tags"),
        ("/chaos", b'{"error_rate": 2}', 422, "error_rate"),
        ("/chaos", b'{"error_rate": true}', 422, "error_rate"),
        ("/chaos", b'{"error_rate": NaN}', 422, "error_rate"),
        ("/chaos", b'{"delay_ms": -1}', 422, "delay_ms"),
        ("/chaos", b'{"variant": ["on"]}', 422, "variant"),
        ("/chaos", b'{"storm": 1}', 422, "storm"),
        ("/api/projects", b" " * (64 * 1024 + 1), 413, "bytes"),
        ("/api/nothing", b"{}", 404, "path"),
        ("/healthz", b"{}", 405, "POST"),
    ],
)
def test_a_bad_request_is_refused_in_json_and_the_connection_stays_usable(
    refusing_standin: StandIn, path: str, body: bytes, status: int, word: str
) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    with requests.Session() as session:
        answer = session.post(
            refusing_standin.url + path, data=body, headers=headers, timeout=TIMEOUT
        )
        assert answer.status_code == status
        assert word in answer.json()["error"]
        assert session.get(refusing_standin.url + "/healthz", timeout=TIMEOUT).json() == {
            "status": "ok"
        }


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET //[x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /api/projects HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /chaos HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999999\r\n\r\n",
        b"POST /chaos HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"BREW /coffee HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_http_gets_an_error_and_no_traceback(
    refusing_standin: StandIn, raw: bytes
) -> None:
    """The fixture asserts at the end that nothing was written to standard error."""
    host, port = refusing_standin.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b'{"error": ' in answer
    assert refusing_standin.get("/healthz").status_code == 200
