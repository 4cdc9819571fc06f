"""A database of its own for each test, on the project's PostgreSQL, and psql to run scripts."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from releasecontrol.examples import world
from tests.examples.kit import OWN_SCRIPTS, SMALL, binary, psql
from tests.examples.standins import FlagServer, StandIn, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def server_url(database: str) -> str:
    """Connection string for one database on the server that the project itself uses."""
    ours = settings.DATABASES["default"]
    wanted = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    known = {name: str(ours[key]) for name, key in wanted.items() if ours.get(key)}
    return make_conninfo("", dbname=database, **known)


@contextmanager
def new_database() -> Iterator[str]:
    server = server_url(str(settings.DATABASES["default"]["NAME"]))
    name = f"examples_{token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server_url(name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


@pytest.fixture
def scratch_database() -> Iterator[str]:
    """URL of a new, empty database that is gone after the test."""
    with new_database() as url:
        yield url


@pytest.fixture(scope="module")
def shared_world() -> Iterator[str]:
    """A small world for tests that are refused whatever they ask, and so can share it."""
    with new_database() as url:
        world.build(url, **SMALL)
        yield url


@pytest.fixture
def small_world(scratch_database: str) -> str:
    world.build(scratch_database, **SMALL)
    return scratch_database


@pytest.fixture(scope="session")
def run_script() -> Callable[..., str]:
    """Run a file as the scripts ask for, and return what psql printed (one tag a statement)."""

    def run(url: str, script: Path, *, transaction: bool = True) -> str:
        done = psql(url, script, transaction=transaction)
        assert done.returncode == 0, f"{script.name}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def schema_of() -> Callable[[str], str]:
    """The schema as pg_dump writes it, without the line that holds a random key."""

    def schema(url: str) -> str:
        command = [binary("pg_dump"), "--schema-only", "-d", url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "\n".join(line for line in text.splitlines() if "restrict " not in line)

    return schema


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
