"""Behind a real PgBouncer: transaction mode is refused, session mode works."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migrations_runner import execution
from migrations_runner.models import MigrationRun
from migrations_runner.poolers import BehindTransactionPooler
from migrations_runner.states import RunState
from tests.migrations_runner.conftest import VARIABLE, QueueRun

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path(PGBOUNCER).exists(), reason="pgbouncer is not installed"),
]
Pooled = Callable[..., str]


@pytest.fixture
def pooled(target_url: str) -> Iterator[Pooled]:
    """Start a PgBouncer before the target in the given mode; answers the URL that leads through."""
    started: list[subprocess.Popen[bytes]] = []
    # A folder of its own, since pytest's are closed to others and other tests rely on that.
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)

    def start(mode: str, **settings: str) -> str:
        port = free_port()
        file = folder / f"{mode}.ini"
        file.write_text(configuration(target_url, mode, port, settings))
        # PgBouncer refuses to be root.
        account = "nobody" if os.getuid() == 0 else None
        process = subprocess.Popen([PGBOUNCER, "-q", str(file)], user=account)
        started.append(process)
        wait_for(port, process)
        return f"postgresql://somebody@127.0.0.1:{port}/target"

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=10)
    shutil.rmtree(folder)


def configuration(url: str, mode: str, port: int, settings: dict[str, str]) -> str:
    facts = psycopg.conninfo.conninfo_to_dict(url)
    names = {"host": "host", "port": "port", "dbname": "dbname", "user": "user"}
    server = " ".join(f"{name}={facts[key]}" for name, key in names.items() if facts.get(key))
    if facts.get("password"):
        server += f" password={facts['password']}"
    more = "\n".join(f"{name} = {value}" for name, value in settings.items())
    return (
        f"[databases]\ntarget = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n{more}\n"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("PgBouncer did not start")


def carried_out(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("settings", [{}, {"server_round_robin": "1"}])
def test_a_transaction_pooler_is_refused_before_anything(
    queue: QueueRun,
    pooled: Pooled,
    monkeypatch: pytest.MonkeyPatch,
    on_target: psycopg.Connection[tuple[object, ...]],
    settings: dict[str, str],
) -> None:
    monkeypatch.setenv(VARIABLE, pooled("transaction", **settings))
    run = carried_out(queue("CREATE TABLE a (n int);"))
    assert run.state == RunState.FAILED
    assert (BehindTransactionPooler.__doc__ or "").split("\n")[0] in run.error
    assert "5432" in run.error
    assert on_target.execute("SELECT to_regnamespace('release_control')").fetchone() == (None,)


def test_a_statement_pooler_is_refused(
    queue: QueueRun, pooled: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, pooled("statement"))
    run = carried_out(queue("SELECT 1"))
    assert run.state == RunState.FAILED
    assert (BehindTransactionPooler.__doc__ or "").split("\n")[0] in run.error


def test_a_session_pooler_works_and_its_sessions_can_be_interrupted(
    queue: QueueRun,
    pooled: Pooled,
    monkeypatch: pytest.MonkeyPatch,
    on_target: psycopg.Connection[tuple[object, ...]],
) -> None:
    monkeypatch.setenv(VARIABLE, pooled("session"))
    run = carried_out(queue("CREATE TABLE a (n int);", "CREATE INDEX CONCURRENTLY i ON a (n);"))
    assert run.state == RunState.SUCCEEDED, run.error
    assert on_target.execute("SELECT to_regclass('a') IS NOT NULL").fetchone() == (True,)


def test_the_server_itself_is_no_pooler(queue: QueueRun) -> None:
    assert carried_out(queue("SELECT 1")).state == RunState.SUCCEEDED
