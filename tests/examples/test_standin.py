"""The stand-in of the application, as a process, over real HTTP and a real example world."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.examples.kit import OWN_SCRIPTS, PLAN_SCRIPTS, ask, do

TOKEN = "a-token-for-the-application"
COMMAND = [sys.executable, "-m", "releasecontrol.examples.standin", "--port"]
TIMEOUT = 20


@dataclass
class FlagServer:
    """Speaks just enough OFREP: `on` are the keys for which the flag is true."""

    url: str = ""
    on: set[str] = field(default_factory=set)
    raw: bytes | None = None
    status: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def flag_server() -> Iterator[FlagServer]:
    state = FlagServer()

    class Ofrep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = body["context"]["targetingKey"]
            state.asked.append((key, self.headers["Authorization"]))
            state.was_asked.set()
            assert self.path == "/ofrep/v1/evaluate/flags/universe-v2"
            said = {"key": "universe-v2", "value": key in state.on, "reason": "SPLIT"}
            answer = state.raw if state.raw is not None else json.dumps(said).encode()
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Ofrep) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


@dataclass
class StandIn:
    """A running stand-in, and requests to it as the application's own client makes them."""

    process: subprocess.Popen[str]
    url: str

    def send(self, method: str, path: str, document: Any = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return requests.request(
            method, self.url + path, json=document, headers=headers, timeout=TIMEOUT, **options
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, document: Any, **headers: str) -> Any:
        return self.send("POST", path, document, headers=headers)

    def metric(self, series: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], TIMEOUT)
    assert ready, "the stand-in did not say that it listens"
    return process.stdout.readline()


def environment(database: str, **more: str) -> dict[str, str]:
    return {**os.environ, "APP_DATABASE_URL": database, "APP_TOKEN": TOKEN, **more}


@contextmanager
def running(database: str, **settings: str) -> Iterator[StandIn]:
    """A stand-in that must end well: exit code 0, and nothing on standard error."""
    with subprocess.Popen(
        [*COMMAND, "0"],
        env=environment(database, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield StandIn(process, first_line(process).split()[-1])
        finally:
            process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT) == 0


@pytest.fixture
def standin(small_world: str, flag_server: FlagServer) -> Iterator[StandIn]:
    with running(small_world, OFREP_ENDPOINT=flag_server.url, OFREP_TOKEN="ask-flags") as started:
        yield started


@pytest.fixture(scope="module")
def refusing_standin(shared_world: str) -> Iterator[StandIn]:
    with running(shared_world) as started:
        yield started


@pytest.fixture
def migrated(standin: StandIn, small_world: str, run_script: Callable[..., str]) -> StandIn:
    for script in OWN_SCRIPTS:
        run_script(small_world, script)
    return standin


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


def test_it_survives_its_database_going_away_and_coming_back(
    standin: StandIn, small_world: str
) -> None:
    assert standin.get("/api/projects").status_code == 200
    do(
        small_world,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'publishing-stand-in' AND datname = current_database()",
    )
    assert standin.get("/api/projects").status_code == 200


def test_without_a_database_it_starts_and_says_so() -> None:
    with running("postgresql://nobody:hunter2@127.0.0.1:1/none") as alone:
        answers = [alone.get(path) for path in ("/healthz", "/app/books", "/")]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert "hunter2" not in "".join(answer.text for answer in answers)


def test_ctrl_c_stops_it_even_while_a_request_is_held_up(
    standin: StandIn, flag_server: FlagServer
) -> None:
    standin.post("/chaos", {"delay_ms": 30_000})

    def wait_for_books() -> None:
        with suppress(requests.ConnectionError):
            standin.get("/app/books", **{"X-User-Id": "user-7"})

    held_up = threading.Thread(target=wait_for_books)
    held_up.start()
    assert flag_server.was_asked.wait(TIMEOUT)
    standin.process.send_signal(signal.SIGINT)
    assert standin.process.wait(TIMEOUT) == 0
    held_up.join(TIMEOUT)
    assert not held_up.is_alive()


def run_to_the_end(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**kept, **settings},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_to_the_end(port, APP_DATABASE_URL="postgresql://x", APP_TOKEN=TOKEN)
    assert done.returncode == 1
    assert done.stderr == f"stand-in: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_missing_setting_is_one_line_that_names_it() -> None:
    done = run_to_the_end("0", APP_DATABASE_URL="postgresql://x")
    assert (done.returncode, done.stderr) == (1, "stand-in: APP_TOKEN must be set\n")


@pytest.mark.parametrize("port", ["http", "70000", "-1", "²"])
def test_what_is_not_a_port_is_refused(port: str) -> None:
    done = run_to_the_end(port, APP_DATABASE_URL="postgresql://x", APP_TOKEN=TOKEN)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
