"""The ruleset on disk: written whole, read only if it is ours, and a start without a database."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from flags.changing import rollout
from flags.models import Flag
from flags.serving import disk, ruleset, snapshot
from flags.serving.snapshot import Snapshot
from releases.models import Environment
from tests.flags.conftest import OPERATOR
from tests.flags.test_stream import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def turn(flag: Flag, environment: Environment, to: int) -> Snapshot:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)
    return snapshot.load()


def dial(held: Snapshot) -> int:
    return held.rulesets["staging"].specs["universe-v2"].dial


def kept(folder: Path) -> Snapshot:
    found = disk.read(folder)
    assert found is not None
    return found[0]


def test_what_is_written_is_read_and_answers(
    universe: Flag, staging: Environment, token: str, tmp_path: Path
) -> None:
    held = turn(universe, staging, 25_000)
    disk.write(held, tmp_path / "new" / "folder")
    again = kept(tmp_path / "new" / "folder")
    assert again.tokens_by_digest == held.tokens_by_digest
    ours, theirs = held.rulesets["staging"], again.rulesets["staging"]
    assert (theirs.revision, theirs.specs, theirs.changed_at) == (
        ours.revision,
        ours.specs,
        ours.changed_at,
    )
    for number in range(300):
        context = {"targetingKey": f"user-{number}"}
        old, new = (one.flags["universe-v2"](context) for one in (ours, theirs))
        assert (old.variant, old.reason) == (new.variant, new.reason)
    file = tmp_path / "new" / "folder" / disk.NEWEST
    assert file.stat().st_mode & 0o077 == 0
    assert token not in file.read_text()


@pytest.mark.parametrize("how", ["torn", "changed", "foreign", "empty", "another format"])
def test_a_file_that_is_not_ours_is_refused_and_the_one_before_answers(
    universe: Flag,
    staging: Environment,
    tmp_path: Path,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk.write(turn(universe, staging, 10_000), tmp_path)
    disk.write(turn(universe, staging, 20_000), tmp_path)
    file = tmp_path / disk.NEWEST
    signature, content = file.read_bytes().split(b"\n", 1)
    parsed = {**json.loads(content), "format": 9}
    other = json.dumps(parsed).encode()
    file.write_bytes(
        {
            "torn": (signature + b"\n" + content)[:-40],
            "changed": signature + b"\n" + content.replace(b"20000", b"90000"),
            "foreign": b"0" * 64 + b"\n" + content,
            "empty": b"",
            "another format": disk._signature(other).encode() + b"\n" + other,
        }[how]
    )
    assert dial(kept(tmp_path)) == 10_000
    assert "is refused" in caplog.text


def test_nothing_usable_is_nothing(tmp_path: Path) -> None:
    assert disk.read(tmp_path) is None
    (tmp_path / disk.NEWEST).write_text("nonsense")
    assert disk.read(tmp_path) is None


def test_after_a_restore_the_older_ruleset_is_the_one_that_is_kept(
    universe: Flag, staging: Environment, tmp_path: Path
) -> None:
    restored = turn(universe, staging, 10_000)
    disk.write(turn(universe, staging, 20_000), tmp_path)
    disk.write(restored, tmp_path)
    assert dial(kept(tmp_path)) == 10_000


def test_the_keeper_keeps_what_it_reads(
    universe: Flag, staging: Environment, tmp_path: Path, settings: object
) -> None:
    settings.RULESET_DIR = str(tmp_path)  # type: ignore[attr-defined]
    ruleset.stop()
    turn(universe, staging, 12_000)
    ruleset.current("staging")
    ruleset.stop()  # which writes what waits
    assert dial(kept(tmp_path)) == 12_000


_ASK = """
import io, json, sys
import django; django.setup()
from flags.serving import ruleset
from flags.api.ofrep import ofrep_app
body = json.dumps({"context": {"targetingKey": "user-1"}}).encode()
said = []
answer = b"".join(ofrep_app({
    "REQUEST_METHOD": "POST", "PATH_INFO": "/ofrep/v1/evaluate/flags/universe-v2",
    "QUERY_STRING": "", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
    "HTTP_AUTHORIZATION": "Bearer " + sys.argv[1], "REMOTE_ADDR": "127.0.0.1",
}, lambda status, headers: said.append((status, dict(headers)))))
status, headers = said[0]
age = headers.get("X-Ruleset-Age")
print(json.dumps([status, json.loads(answer), age, ruleset.is_from_disk()]))
"""


def ask_without_a_database(folder: Path, token: str) -> list[object]:
    """Start a process whose database refuses connections, and ask it over the protocol's path."""
    asked = subprocess.run(
        [sys.executable, "-c", _ASK, token],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "releasecontrol.settings",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "RULESET_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    told: list[object] = json.loads(asked.stdout.splitlines()[-1])
    return told


def test_a_start_without_a_database_answers_what_was_kept(
    universe: Flag, staging: Environment, token: str, tmp_path: Path
) -> None:
    disk.write(turn(universe, staging, 100_000), tmp_path)
    hour_ago = (tmp_path / disk.NEWEST).stat().st_mtime - 3600
    os.utime(tmp_path / disk.NEWEST, (hour_ago, hour_ago))
    status, answer, age, from_disk = ask_without_a_database(tmp_path, token)
    assert (status, from_disk) == ("200 OK", True)
    assert isinstance(answer, dict)
    assert (answer["value"], answer["variant"]) == (True, "on")
    assert int(str(age)) >= 3600


def test_a_start_without_a_database_and_without_a_file_says_so(token: str, tmp_path: Path) -> None:
    status, _, _, from_disk = ask_without_a_database(tmp_path, token)
    assert (status, from_disk) == ("503 Service Unavailable", False)


def test_a_damaged_file_never_takes_the_place_of_the_usable_one_before_it(
    universe: Flag, staging: Environment, tmp_path: Path
) -> None:
    disk.write(turn(universe, staging, 10_000), tmp_path)
    disk.write(turn(universe, staging, 20_000), tmp_path)
    assert disk.refusals(tmp_path) == []
    (tmp_path / disk.NEWEST).write_text("torn")
    (refused,) = disk.refusals(tmp_path)
    assert f"{disk.NEWEST} is refused: it is torn" in refused
    disk.write(turn(universe, staging, 30_000), tmp_path)
    assert disk.refusals(tmp_path) == []
    (tmp_path / disk.NEWEST).unlink()
    assert dial(kept(tmp_path)) == 10_000


def test_the_real_server_started_without_a_database_answers_and_tells_what_it_refused(
    universe: Flag, staging: Environment, token: str, tmp_path: Path
) -> None:
    disk.write(turn(universe, staging, 100_000), tmp_path)
    disk.write(turn(universe, staging, 0), tmp_path)
    (tmp_path / disk.NEWEST).write_text("torn")
    port = free_port()
    words = [sys.executable, "-m", "granian", "--interface", "wsgi", "--blocking-threads", "4"]
    process = subprocess.Popen(
        [*words, "--no-ws", "--port", str(port), "releasecontrol.wsgi:application"],
        env={
            **os.environ,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "RULESET_DIR": str(tmp_path),
            "ALLOWED_HOSTS": "127.0.0.1",
        },
    )
    try:
        ready = patiently(process, f"http://127.0.0.1:{port}/readyz")
        asked = requests.post(
            f"http://127.0.0.1:{port}/ofrep/v1/evaluate/flags/universe-v2",
            json={"context": {"targetingKey": "user-1"}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
    finally:
        process.terminate()
        process.wait(20)
    assert (asked.status_code, asked.json()["value"]) == (200, True)
    assert ready.status_code == 503
    told = ready.json()
    assert told["ruleset"]["says"] == "the one kept on disk"
    assert told["kept"]["ok"] is False
    assert f"{disk.NEWEST} is refused: it is torn" in told["kept"]["says"]
    assert "Restart a web process while the database answers" in told["kept"]["says"]


def patiently(process: subprocess.Popen[bytes], address: str) -> requests.Response:
    """The first answer of a server that is starting."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            return requests.get(address, timeout=10)
        except requests.ConnectionError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"the server ended with code {process.wait(0.05)}")
    pytest.fail("the server did not answer")
