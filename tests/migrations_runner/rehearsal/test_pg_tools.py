"""PostgreSQL's tools as child processes: found by version, told in secret where to connect to."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from migrations_runner import pg_tools

URL = "postgresql://ana:hunter2@db.example:5433/shop?sslmode=require"


def fake(folder: Path, text: str) -> pg_tools.Tool:
    """A tool of ours that does what the text says, in the shell's words."""
    folder.mkdir(exist_ok=True)
    path = folder / "pg_dump"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return pg_tools.Tool(str(path), 18, 0)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is PG_BIN, and nowhere else to look."""
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(pg_tools, "_WHEELS", ())
    return tmp_path


def test_a_tool_that_is_not_there_is_refused_by_name(only: Path) -> None:
    with pytest.raises(pg_tools.ToolMissing, match="pg_dump"):
        pg_tools.find("pg_dump")


def test_a_tool_older_than_the_server_is_refused_by_both_versions(only: Path) -> None:
    fake(only, "echo 'pg_dump (PostgreSQL) 15.4 (Debian)'")
    assert pg_tools.find("pg_dump", server_version=150018).version == "15.4"
    with pytest.raises(pg_tools.ToolTooOld, match=r"PostgreSQL 18; .*pg_dump is 15.4"):
        pg_tools.find("pg_dump", server_version=180001)


def test_an_old_tool_is_passed_over_for_a_newer_one(
    only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(only, "echo 'pg_dump (PostgreSQL) 15.4'")
    fake(only / "newer", "echo 'pg_dump (PostgreSQL) 19.1'")
    monkeypatch.setenv("PATH", f"{only / 'newer'}:/bin:/usr/bin")
    assert pg_tools.find("pg_dump", server_version=180001).version == "19.1"


def test_the_password_goes_through_the_environment_only(tmp_path: Path) -> None:
    tool = fake(tmp_path, 'echo "args: $*"; echo "$PGUSER $PGHOST $PGPORT $PGDATABASE $PGSSLMODE"')
    said = pg_tools.run(tool, ["-Fc"], url=URL)
    assert said == "args: -Fc\nana db.example 5433 shop require"
    assert pg_tools.environment(URL, "x")["PGPASSWORD"] == "hunter2"


def test_what_a_failed_tool_said_is_told_masked_and_not_at_length(tmp_path: Path) -> None:
    tool = fake(tmp_path, 'head -c 100000 /dev/zero | tr "\\0" x; echo "pw $PGPASSWORD"; exit 3')
    with pytest.raises(pg_tools.ToolFailed, match=r"pg_dump ended with 3") as failed:
        pg_tools.run(tool, [], url=URL)
    assert "hunter2" not in failed.value.message
    assert len(failed.value.message) < pg_tools.MOST_OUTPUT + 200


def test_a_stop_ends_the_tool(tmp_path: Path) -> None:
    tool = fake(tmp_path, "exec sleep 100")
    stop = threading.Event()
    stop.set()
    with pytest.raises(pg_tools.ToolStopped):
        pg_tools.run(tool, [], url=URL, wait=stop.wait)


def test_a_url_with_a_secret_that_no_variable_takes_is_refused() -> None:
    with pytest.raises(pg_tools.UrlNotForTools):
        pg_tools.environment(f"{URL}&sslpassword=hunter3", "x")
