"""Real dumps of real databases: whole, private, and only counted while they are there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict
from pytest_django.fixtures import Settings

from migrations_runner import pg_tools
from migrations_runner.backup import needing, retention, taking, verbs, verifying
from migrations_runner.backup.refusals import BackupNeeded, NotAttestable
from migrations_runner.models import Backup
from releases.models import Evidence, TargetDatabase
from releases.timeline import Actor, subject_of
from tests import databases

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
ME = Actor.command("test")
Target = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.BACKUP_DIR = str(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def content(on_target: Target, target: TargetDatabase) -> None:
    on_target.execute("CREATE TABLE books AS SELECT n, md5(n::text) FROM generate_series(1, 999) n")
    target.backup = TargetDatabase.BackupNeed.DUMP
    target.save()


def taken(target: TargetDatabase, **facts: Any) -> Backup:
    backup = verbs.request(target=target, actor=ME, **facts)
    taking.take(backup.pk)
    backup.refresh_from_db()
    return backup


def test_a_dump_is_taken_verified_restored_and_private(
    target: TargetDatabase, folder: Path, on_target: Target
) -> None:
    first = verbs.request(target=target, actor=ME, restore_too=True)
    assert verbs.request(target=target, actor=ME) == first  # a double click
    taking.take(first.pk)
    taking.take(first.pk)  # a doubled poke
    first.refresh_from_db()
    assert (first.state, first.error, first.restored_ok) == ("verified", "", True)
    file = Path(first.path)
    assert [file] == list(folder.iterdir())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (first.bytes, first.sha256) == (file.stat().st_size, verifying.digest(file))
    assert first.entries == 2
    assert first.tool_version.startswith("pg_dump 1")
    seen = Evidence.objects.get(subject=subject_of(first))
    assert (seen.verdict, seen.numbers["bytes"]) == ("pass", first.bytes)
    left = on_target.execute("SELECT 1 FROM pg_database WHERE datname LIKE 'rc\\_restore%'")
    assert left.fetchone() is None
    assert needing.lacking(target) == ""
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert verifying.still_there(first)
    assert not verifying.unchanged(first)
    file.write_bytes(b"short")
    assert retention.sweep() == 1
    assert "no backup" in needing.lacking(target)


def test_a_dump_that_was_cut_short_is_no_backup(
    target: TargetDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = taking._dump

    def and_cut(held: Any, tool: Any, part: Path) -> None:
        dump(held, tool, part)
        part.write_bytes(part.read_bytes()[:300])

    monkeypatch.setattr(taking, "_dump", and_cut)
    backup = taken(target)
    assert backup.state == "failed"
    assert "not a whole dump" in backup.error
    assert list(folder.iterdir()) == []


def test_a_list_without_the_target_s_tables_is_no_backup(
    target: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = verifying.entries

    def expecting_one_more(part: Path, **facts: Any) -> int:
        return look(part, **{**facts, "tables": facts["tables"] + 1})

    monkeypatch.setattr(verifying, "entries", expecting_one_more)
    assert "lists 1 tables, the target has 2" in taken(target).error


def test_an_older_tool_is_refused_by_name(
    target: TargetDatabase,
    on_target: psycopg.Connection[Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = pg_tools._known("/usr/bin/pg_dump")
    if old is None or old.major >= on_target.info.server_version // 10000:
        pytest.skip("there is no pg_dump here that is older than the server")
    monkeypatch.setattr(pg_tools, "_places", lambda _name: iter(["/usr/bin/pg_dump"]))
    backup = taken(target)
    assert backup.state == "failed"
    assert f"/usr/bin/pg_dump is {old.version}" in backup.error
    assert list(folder.iterdir()) == []


def test_no_folder_no_backup(target: TargetDatabase, settings: Settings) -> None:
    settings.BACKUP_DIR = ""
    assert "Set BACKUP_DIR" in taken(target).error
    settings.BACKUP_DIR = "/nowhere/at/all"
    assert "not a folder" in taken(target).error


@pytest.mark.faults
def test_a_full_disk_leaves_no_file_and_says_so(target: TargetDatabase, folder: Path) -> None:
    """The dump itself, in a process that may write no more than a few kilobytes to a file."""
    backup = verbs.request(target=target, actor=ME)
    limited = (
        "import resource, signal, sys, django; django.setup();"
        "from migrations_runner.backup import taking;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "taking.take(int(sys.argv[1]))"
    )
    process(["-c", limited, str(backup.pk)], folder)
    backup.refresh_from_db()
    assert backup.state == "failed"
    assert "pg_dump" in backup.error or "large" in backup.error
    assert list(folder.iterdir()) == []


def test_the_password_is_in_no_list_of_processes(
    target: TargetDatabase,
    target_url: str,
    on_target: Target,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = conninfo_to_dict(target_url).get("password")
    if not secret:  # a server that asks for none takes any
        secret = "hunter2"
        monkeypatch.setenv(target.url_variable, target_url.replace("@", ":hunter2@", 1))
    seen: list[str] = []
    holder = psycopg.connect(target_url)
    holder.execute("LOCK TABLE books IN ACCESS EXCLUSIVE MODE")  # pg_dump waits for it
    backup = verbs.request(target=target, actor=ME)
    worker = threading.Thread(target=take_and_close, args=(backup.pk,))
    worker.start()
    for _ in range(400):
        seen += [line for line in command_lines() if "pg_dump" in line]
        if seen:
            break
        on_target.execute("SELECT pg_sleep(0.02)")
    holder.close()
    worker.join()
    backup.refresh_from_db()
    assert backup.state == "verified", backup.error
    assert seen
    assert not [line for line in seen if str(secret) in line]
    assert str(secret) not in caplog.text


def test_a_stopped_backup_ends_and_leaves_nothing(
    target: TargetDatabase, target_url: str, folder: Path
) -> None:
    holder = psycopg.connect(target_url)
    holder.execute("LOCK TABLE books IN ACCESS EXCLUSIVE MODE")
    backup = verbs.request(target=target, actor=ME)
    worker = threading.Thread(target=take_and_close, args=(backup.pk,))
    worker.start()
    wait = threading.Event()
    for _ in range(400):
        if list(folder.iterdir()):
            break
        wait.wait(0.02)
    verbs.stop(backup=backup, actor=ME)
    worker.join(30)
    holder.close()
    backup.refresh_from_db()
    assert (backup.state, backup.error) == ("failed", "Stopped by test.")
    assert list(folder.iterdir()) == []
    with pytest.raises(verbs.NothingToStop):
        verbs.stop(backup=backup, actor=ME)


def test_a_run_needs_a_fresh_backup(target: TargetDatabase, settings: Settings) -> None:
    from types import SimpleNamespace

    at_work: Any = SimpleNamespace(target=target, run=object())
    with pytest.raises(BackupNeeded, match="take_backup scratch"):
        needing.require(at_work)
    backup = taken(target)
    needing.require(at_work)
    assert needing.standing(target).startswith("Verified dump, as of 20")
    Path(backup.path).unlink()
    with pytest.raises(BackupNeeded, match="gone or was changed"):
        needing.require(at_work)
    Backup.objects.update(taken_at=Now() - timedelta(hours=25))
    with pytest.raises(BackupNeeded, match="younger than 24 hours"):
        needing.require(at_work)
    target.backup = TargetDatabase.BackupNeed.NONE
    needing.require(at_work)


def test_a_person_s_word_counts_where_it_may(target: TargetDatabase) -> None:
    facts: dict[str, Any] = {"target": target, "actor": ME, "note": "RDS snapshot 7"}
    now = timezone.now()
    with pytest.raises(NotAttestable, match="needs a dump"):
        verbs.attest(**facts, taken_at=now)
    target.backup = TargetDatabase.BackupNeed.ATTESTED
    target.save()
    with pytest.raises(NotAttestable, match="still to come"):
        verbs.attest(**facts, taken_at=now + timedelta(hours=1))
    verbs.attest(**facts, taken_at=now)
    assert needing.lacking(target) == ""
    assert needing.standing(target).startswith("Attested, as of")


def test_the_newest_stay_and_old_ones_go(target: TargetDatabase, settings: Settings) -> None:
    settings.BACKUP_KEEP = 2
    settings.BACKUP_KEEP_DAYS = 30
    made = [taken(target) for _ in range(4)]
    for age, backup in zip((100, 90, 80, 1), made, strict=True):
        Backup.objects.filter(pk=backup.pk).update(taken_at=Now() - timedelta(days=age))
    assert retention.sweep() == 2
    states = list(Backup.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["removed", "removed", "verified", "verified"]
    assert [Path(backup.path).exists() for backup in made] == [False, False, True, True]
    assert retention.sweep() == 0


def test_the_command_asks_and_says_how_it_ended(
    target: TargetDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("take_backup", "scratch")
    assert "Queued" in capsys.readouterr().out
    with pytest.raises(CommandError, match="still"):
        call_command("take_backup", "scratch", "--wait", "--timeout", "0")
    taking.take(Backup.objects.get().pk)
    with pytest.raises(CommandError):
        call_command("take_backup", "nobody")


def command_lines() -> list[str]:
    lines = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(each.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def take_and_close(backup_id: int) -> None:
    from django.db import connection

    taking.take(backup_id)
    connection.close()


def process(arguments: list[str], folder: Path) -> int:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": databases.control_url(),
            "BACKUP_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "releasecontrol.settings",
        },
        timeout=120,
        check=False,
    ).returncode
