"""queue_run and lint_scripts, as people and pipelines call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from migrations_runner import execution, runs
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import RunState
from releases.models import Release, TargetDatabase
from releases.states import ReleaseState
from tests import databases
from tests.runs.conftest import VARIABLE, MakeScript

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]


def refused(*words: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        call_command("queue_run", *words)
    assert "\n" not in str(raised.value)
    return raised.value


def queue(capsys: Capture, *words: str) -> dict[str, Any]:
    call_command("queue_run", "--json", *words)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


# --- queue_run --------------------------------------------------------------------------------
def test_stored_scripts_are_queued_by_name_in_the_order_given(
    script: MakeScript, target: TargetDatabase, capsys: Capture
) -> None:
    script("1.sql", "SELECT :'who'")
    script("2.sql", "SELECT 2; SELECT 3", path="server/scripts/2.sql")
    told = queue(capsys, "--target", "staging", "server/scripts/2.sql", "1.sql", "--var", "who=a=b")
    run = MigrationRun.objects.get()
    assert run.variables == {"who": "a=b"}
    assert run.requested_by_name == "queue_run"
    assert told == {
        "run": run.pk,
        "state": "queued",
        "target": "staging",
        "scripts": [
            {"name": "2.sql", "state": "pending", "statements": 2, "error": ""},
            {"name": "1.sql", "state": "pending", "statements": 1, "error": ""},
        ],
        "error": "",
        "next_step": "",
    }


def test_a_bare_file_becomes_a_script_of_the_ad_hoc_release(
    target: TargetDatabase, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "fix.sql"
    file.write_bytes(b"\xef\xbb\xbfSELECT 1;\r\n")
    queue(capsys, "--target", "staging", str(file))
    kept = MigrationScript.objects.get()
    assert (kept.release.slug, kept.name, kept.text) == ("ad-hoc", "fix.sql", "SELECT 1;\r\n")


def test_an_edited_file_is_never_taken_for_its_stored_copy(
    target: TargetDatabase, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "fix.sql"
    for sql in ("SELECT 1;", "SELECT 2;"):
        file.write_text(sql)
        queue(capsys, "--target", "staging", "fix.sql")
        assert MigrationRun.objects.first().scripts.get().text == sql  # type: ignore[union-attr]


def test_a_file_that_can_not_run_leaves_nothing_behind(
    target: TargetDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "bad.sql"
    file.write_text("SELECT 1;\nSELEC 2;")
    assert "bad.sql: Line 2, column 1" in str(refused("--target", "staging", str(file)))
    assert not MigrationScript.objects.exists()
    assert not Release.objects.filter(slug="ad-hoc").exists()


def test_a_file_goes_to_the_release_that_is_named(
    script: MakeScript, target: TargetDatabase, tmp_path: Path, capsys: Capture
) -> None:
    waiting = script("1.sql", "")
    file = tmp_path / "1.sql"
    file.write_text("SELECT 1;")
    queue(capsys, "--target", "staging", "--release", "universe-v2", str(file))
    waiting.refresh_from_db()
    assert waiting.text == "SELECT 1;"


def test_what_can_not_be_found_or_understood_is_one_line(
    script: MakeScript, target: TargetDatabase, release: Release, tmp_path: Path
) -> None:
    script("1.sql", "SELECT 1")
    script("waiting.sql", "")
    other = Release.objects.create(slug="other", title="Other", state=ReleaseState.CLOSED)
    MigrationScript.objects.create(release=other, name="1.sql", text="SELECT 1")
    MigrationScript.objects.create(release=other, name="2.sql", text="SELECT 2")
    latin = tmp_path / "latin.sql"
    latin.write_bytes(b"SELECT '\xe9'")
    fine = tmp_path / "fine.sql"
    fine.write_text("SELECT 1")
    mine = ("--target", "staging", "--release", "universe-v2")
    cases = {
        ("--target", "moon", "1.sql"): "Known: staging",
        ("--target", "staging", "1.sql"): "1.sql: other, universe-v2",
        ("--target", "staging", "nothing.sql"): "Looked for nothing.sql",
        ("--target", "staging", "\x00\udcff"): "no file at this path",
        ("--target", "staging", "x" * 5000): "no file at this path",
        ("--target", "staging", str(tmp_path)): "no file at this path",
        ("--target", "staging", str(latin)): "is not UTF-8",
        ("--target", "staging", "waiting.sql", "2.sql"): "belong to one release",
        ("--target", "staging", "2.sql", str(fine)): "belong to one release",
        ("--target", "staging", "--release", "other", str(fine)): "has ended",
        ("--target", "staging", "--release", "no", "1.sql"): "Looked for no",
        (*mine, "waiting.sql"): "waiting.sql awaits its file",
        (*mine, "1.sql", "./1.sql"): "Twice: 1.sql",
        (*mine, "1.sql", "--var", "who"): "Not so: who",
        (*mine, "1.sql", "--var", "who=x"): "is it spelt right?",
    }
    for words, said in cases.items():
        error = refused(*words)
        assert said in str(error), words
        assert error.returncode == 1
    assert not MigrationRun.objects.exists()


def test_a_refusal_is_an_object_too(target: TargetDatabase, capsys: Capture) -> None:
    refused("--target", "staging", "nothing.sql", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["state"], told["scripts"]) == (None, "refused", [])
    assert "no stored script" in told["error"]


def test_the_same_batch_twice_is_refused(
    script: MakeScript, target: TargetDatabase, capsys: Capture
) -> None:
    script("1.sql", "SELECT 1")
    first = queue(capsys, "--target", "staging", "1.sql")["run"]
    assert f"See run {first}" in str(refused("--target", "staging", "1.sql"))


@pytest.mark.parametrize(
    ("state", "code"),
    [(RunState.SUCCEEDED, 0), (RunState.FAILED, 1), (RunState.CANCELLED, 1), (RunState.LOST, 2)],
)
def test_the_exit_code_of_waiting_tells_how_the_run_ended(
    state: RunState,
    code: int,
    script: MakeScript,
    target: TargetDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script("1.sql", "SELECT 1")
    real = runs.queue

    def ended(**given: Any) -> MigrationRun:
        run = real(**given)
        MigrationRun.objects.filter(pk=run.pk).update(state=state, next_step="Look\nat it.")
        return run

    monkeypatch.setattr(runs, "queue", ended)
    words = ("--target", "staging", "1.sql", "--wait", "--timeout", "0")
    if code == 0:
        call_command("queue_run", *words)
    else:
        error = refused(*words)
        assert error.returncode == code
        assert "Look at it." in str(error)


def test_waiting_ends_when_its_time_is_over_and_the_run_goes_on(
    script: MakeScript, target: TargetDatabase
) -> None:
    script("1.sql", "SELECT 1")
    error = refused("--target", "staging", "1.sql", "--wait", "--timeout", "0")
    assert error.returncode == 2
    assert "is queued" in str(error)
    assert MigrationRun.objects.get().state == RunState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_from_a_shell_with_a_worker_at_work(
    script: MakeScript, target: TargetDatabase, scratch_url: str
) -> None:
    """Real processes: the command waits, another one works, and the answer is one JSON object."""
    script("1.sql", "CREATE TABLE a (n int); INSERT INTO a VALUES (1), (2);")
    script("2.sql", "INSERT INTO a VALUES ('no');")
    done = threading.Event()

    def work() -> None:
        try:
            while not done.wait(0.05):
                for run in MigrationRun.objects.filter(state=RunState.QUEUED):
                    execution.execute(run.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        good = shell("queue_run", "--target", "staging", "1.sql", "--wait", "--json")
        bad = shell("queue_run", "--target", "staging", "1.sql", "2.sql", "--wait", "--json")
    finally:
        done.set()
        worker.join()
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["state"] == "succeeded"
    told = json.loads(bad.stdout)
    assert bad.returncode == 1
    assert [one["state"] for one in told["scripts"]] == ["skipped", "failed"]
    assert "2.sql, line 1, column 23" in told["error"]
    assert bad.stderr.count("\n") == 1


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": databases.control_url(), VARIABLE: ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- lint_scripts -----------------------------------------------------------------------------
def lint(capsys: Capture, *words: str) -> tuple[dict[str, Any], int]:
    try:
        call_command("lint_scripts", "--json", *words)
    except CommandError as error:
        return json.loads(capsys.readouterr().out), error.returncode
    return json.loads(capsys.readouterr().out), 0


def test_a_script_with_variables_is_fine_and_names_them(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "a.sql"
    file.write_text("\\set n 5\nSELECT :n, :'who',\n  :\"tab\", :'who', :{?maybe};")
    told, code = lint(capsys, str(file))
    assert code == 0
    (one,) = told["files"]
    assert (one["file"], one["ok"], one["variables"]) == (str(file), True, ["who", "tab"])
    assert [(p["id"], p["level"], p["line"], p["column"]) for p in one["problems"]] == [
        ("variable-unset", "warning", 2, 12),
        ("variable-unset", "warning", 3, 3),
    ]


@pytest.mark.parametrize(
    ("sql", "id_", "line", "column"),
    [
        (b"SELECT 1;\nSELEC 2;", "syntax", 2, 1),
        (b"-- nothing\n", "empty", 1, 1),
        (b"SELECT 1;\n\\copy t from x\n", "meta-command", 2, 1),
        (b"SELECT 1; COMMIT; SELECT 2;", "transaction-control", 1, 11),
        (b"SELECT '\xe9'", "unreadable", 1, 1),
    ],
)
def test_what_keeps_a_script_from_running_is_located(
    sql: bytes, id_: str, line: int, column: int, tmp_path: Path, capsys: Capture
) -> None:
    file, fine = tmp_path / "bad.sql", tmp_path / "fine.sql"
    file.write_bytes(sql)
    fine.write_text("SELECT 1")
    told, code = lint(capsys, str(file), str(fine))
    assert code == 1
    bad, good = told["files"]
    assert (bad["ok"], good["ok"]) == (False, True)
    problem = bad["problems"][0]
    assert (problem["id"], problem["line"], problem["column"]) == (id_, line, column)
    assert problem["message"]


@pytest.mark.django_db
def test_a_missing_file_or_target_is_one_line_and_code_two(
    tmp_path: Path, target: TargetDatabase
) -> None:
    fine = tmp_path / "fine.sql"
    fine.write_text("SELECT 1")
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (("nothing.sql",), (str(empty),), (str(fine), "--target", "moon")):
        with pytest.raises(CommandError) as raised:
            call_command("lint_scripts", *words)
        assert raised.value.returncode == 2
        assert "\n" not in str(raised.value)
    call_command("lint_scripts", str(fine), "--target", "staging")


def test_a_folder_means_its_sql_files_and_a_fix_is_printed_on_demand(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "a.sql").write_text("DROP INDEX i")
    (tmp_path / "b.txt").write_text("no SQL")
    call_command("lint_scripts", str(tmp_path), "--fix")
    told = capsys.readouterr().out
    assert f"{tmp_path / 'a.sql'}:1:1 warning drop-index-blocks: " in told
    assert "DROP INDEX CONCURRENTLY i;" in told
    assert "b.txt" not in told


def test_people_read_lines(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "bad.sql"
    file.write_text("SELEC 1")
    with pytest.raises(CommandError, match="1 of 1 can't run"):
        call_command("lint_scripts", str(file))
    assert "1:1 error syntax: syntax error" in capsys.readouterr().out


def test_from_a_shell_the_exit_code_tells(tmp_path: Path) -> None:
    file = tmp_path / "bad.sql"
    file.write_text("SELEC 1")
    command = [sys.executable, "manage.py", "lint_scripts", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["files"][0]["ok"] is False
