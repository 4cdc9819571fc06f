"""The embedded PostgreSQL, each time a real server in a directory of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from releasecontrol import embedded_process
from releasecontrol.embedded_home import ROOT, Account, Home, can_use
from releasecontrol.embedded_server import OWNER, State
from releasecontrol.embedded_server import connect as connect_as_owner

pytestmark = pytest.mark.faults
HOLD = "from releasecontrol import embedded; print(embedded.database_url(), flush=True); input()"
VAR_TMP = Path("/var/tmp")  # noqa: S108  (where the server's files go if they must)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand over to nobody")


def say(home: Home, python: str, *, user: int | None = None) -> str:
    """Run a line of Python that joins the server of `home` and leaves again; what it printed."""
    done = start(home, f"from releasecontrol import embedded; {python}", user=user)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    return out.strip()


def start(home: Home, python: str, *, user: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", python],
        cwd=ROOT,
        env=os.environ | {"EMBEDDED_DIR": str(home.path), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        user=user,
    )


def command(home: Home, word: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "releasecontrol.embedded", word],
        cwd=ROOT,
        env=os.environ | {"EMBEDDED_DIR": str(home.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty place. As root it is one that nobody can't reach (pytest's are 0700)."""
    wanted = tmp_path / "with a space" / "postgres"
    yield Home(wanted)
    if wanted.exists():
        place = Home(wanted.resolve())
        embedded_process.stop(place)
        shutil.rmtree(place.path)


@pytest.fixture
def running(home: Home) -> Home:
    """A server started by hand, which stays when its users leave."""
    started = command(home, "start")
    assert started.returncode == 0, started.stderr
    return Home(home.path.resolve())


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_the_last_to_leave_stops_the_server_and_the_rows_stay(home: Home) -> None:
    write = "psycopg.connect(embedded.database_url()).execute('CREATE TABLE kept (n int)')"
    say(home, f"import psycopg; c = {write}; c.connection.commit()")
    assert embedded_process.postmaster(Home(home.path.resolve())) is None
    read = "psycopg.connect(embedded.database_url()).execute('SELECT count(*) FROM kept')"
    assert say(home, f"import psycopg; print({read}.fetchone()[0])") == "0"


def test_a_second_user_joins_and_keeps_the_server_when_the_first_leaves(home: Home) -> None:
    wait = HOLD
    first, second = start(home, wait), start(home, wait)
    assert first.stdout is not None
    assert second.stdout is not None
    assert first.stdout.readline() == second.stdout.readline() != ""  # two starts at once agree
    place = Home(home.path.resolve())
    first.communicate("\n", timeout=60)
    assert embedded_process.postmaster(place) is not None
    second.communicate("\n", timeout=60)
    assert embedded_process.postmaster(place) is None


def test_a_user_killed_by_9_does_not_hold_the_server_for_ever(home: Home) -> None:
    hold = start(
        home,
        HOLD,
    )
    assert hold.stdout is not None
    url = hold.stdout.readline().strip()
    hold.kill()
    hold.communicate()
    assert say(home, "print(embedded.database_url())") == url
    assert embedded_process.postmaster(Home(home.path.resolve())) is None


def test_a_killed_postmaster_is_replaced_at_once_and_loses_no_row(running: Home) -> None:
    state = State.load(running)
    with connect_as_owner(state) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    pid = embedded_process.postmaster(running)
    assert pid is not None
    kill_9(pid)
    assert say(running, "print(embedded.ensure_running())") == "True"
    assert embedded_process.postmaster(running) != pid
    with connect_as_owner(State.load(running)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_pid_file_whose_number_now_is_another_program_is_seen_through(running: Home) -> None:
    for pid in embedded_process.members(running):
        kill_9(pid)
    pid_file = running.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    say(running, "print(embedded.database_url())")
    assert embedded_process.postmaster(running) not in {None, os.getpid()}


def test_half_a_cluster_is_never_taken_for_one(home: Home) -> None:
    say(home, "embedded.database_url()")
    place = Home(home.path.resolve())
    (place.data / "global" / "pg_control").unlink()
    place.data.rename(place.path / "data.new")  # as a first start cut off by kill -9 leaves it
    url = say(home, "print(embedded.database_url())")
    assert url.startswith(f"postgresql://{OWNER}:")
    assert not (place.path / "data.new").exists()


def test_a_port_taken_meanwhile_is_given_up_for_another(home: Home) -> None:
    url = say(home, "print(embedded.database_url())")
    port = State.load(Home(home.path.resolve())).port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert say(home, "print(embedded.database_url())") not in {"", url}


def test_data_of_another_version_are_refused_in_words(home: Home) -> None:
    say(home, "embedded.database_url()")
    (home.path.resolve() / "data" / "PG_VERSION").write_text("9\n")
    refused = command(home, "start")
    assert refused.returncode == 1
    assert "are PostgreSQL 9's" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_target_role_is_no_superuser_and_sees_no_other_database(running: Home) -> None:
    urls = eval(say(running, "print(embedded.target_urls())"))  # noqa: S307  (our own print)
    assert set(urls) == {"TARGET_STAGING_URL", "TARGET_PRODUCTION_URL"}
    assert say(running, "print(embedded.target_urls())") == str(urls)
    staging = urls["TARGET_STAGING_URL"]
    with psycopg.connect(staging) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, False)
        connection.execute("CREATE TABLE mine (n int)")
    for other in (OWNER, "postgres", "production"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(staging, dbname=other)


def test_passwords_stand_in_one_file_that_only_we_can_read(running: Home) -> None:
    say(running, "embedded.target_urls()")
    assert running.state.stat().st_mode & 0o777 == 0o600
    log = running.log.read_text()
    assert not [word for word in State.load(running).passwords.values() if word in log]
    wrong = f"postgresql://{OWNER}:wrong@127.0.0.1:{State.load(running).port}/{OWNER}"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_stop_by_hand_is_refused_while_somebody_uses_the_server(running: Home) -> None:
    user = start(
        running,
        HOLD,
    )
    assert user.stdout is not None
    assert user.stdout.readline()
    refused = command(running, "stop")
    assert (refused.returncode, "in use" in refused.stderr) == (1, True)
    user.communicate("\n", timeout=60)
    assert embedded_process.postmaster(running) is not None  # started by hand: it stays
    assert command(running, "stop").stdout == "Stopped.\n"
    assert command(running, "status").stdout.startswith("Not running")


@as_root
def test_root_hands_over_to_nobody_and_opens_no_directory(tmp_path: Path, running: Home) -> None:
    pid = embedded_process.postmaster(running)
    assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    closed = tmp_path.parent
    assert closed.stat().st_mode & 0o077 == 0
    assert running.path.parent == VAR_TMP
    assert (tmp_path / "with a space" / "postgres").readlink() == running.path


@as_root
def test_an_ordinary_user_runs_the_server_as_himself() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    if not can_use(Account(nobody, nobody), Path(sys.executable).resolve()):
        pytest.skip("this Python can't be run by another user")
    place = Home(VAR_TMP / f"release-control-test-{os.getpid()}")
    place.path.mkdir()
    os.chown(place.path, nobody, -1)
    try:
        assert say(place, "print(embedded.ensure_database('staging'))", user=nobody)
        assert place.state.stat().st_uid == place.data.stat().st_uid == nobody
    finally:
        embedded_process.stop(place)
        shutil.rmtree(place.path)
