"""Files larger than memory: taken apart while they are read, and sent part by part."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from migrations_runner import data_blocks, execution
from migrations_runner.models import DataBlock, MigrationScript
from migrations_runner.parsing import parse_script
from migrations_runner.psql.taking_apart import MOST_INLINE, MOST_SQL, Kept, take_apart
from releases.models import Release
from releases.timeline import Actor
from tests import databases
from tests.migrations_runner.carries_much_data import write_file
from tests.migrations_runner.conftest import QueueRun

MUCH = "".join(f"{n}\tline {n}\n" for n in range(10_000))
COMMAND = Actor.command("test")


class Shelf:
    """Keeps data in a list."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def __call__(self, pieces: Iterator[bytes]) -> Kept:
        data = b"".join(pieces)
        self.held.append(data)
        return Kept(hashlib.sha256(data).hexdigest(), len(data), data.count(b"\n"))


def taken(text: str) -> tuple[str, Shelf]:
    shelf = Shelf()
    return take_apart(io.BytesIO(text.encode()), shelf), shelf


def test_large_data_leaves_a_line_that_names_it() -> None:
    text, shelf = taken(
        f"CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n{MUCH}\\.\nSELECT 1;\n"
    )
    sha256 = hashlib.sha256(MUCH.encode()).hexdigest()
    assert text == (
        "CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n"
        f"\\data sha256={sha256} bytes={len(MUCH)} lines=10000\n\\.\nSELECT 1;\n"
    )
    assert shelf.held == [MUCH.encode()]
    assert parse_script(text, {}).blocks == {sha256}


@pytest.mark.parametrize(
    "text",
    [
        "COPY t FROM stdin;\n1\tx\n\\.\nSELECT 1;\n",
        "\ufeffCOPY t\nFROM stdin\nCSV\n;\n1,x\n\\.\n\\copy t from stdin\n\\.\nSELECT ';stdin';",
        f"DO $$ BEGIN\n -- COPY t FROM stdin;\n{MUCH.replace('line', '; stdin')} END $$;\n",
        f"/* COPY t FROM stdin;\n{MUCH} */ SELECT 1;",
        f"SELECT 'COPY t FROM stdin;\n{MUCH}';\n",
        "SELECT 1",
        "",
    ],
    ids=lambda text: text[:24],
)
def test_what_is_small_or_no_data_stays_as_it_was(text: str) -> None:
    apart, shelf = taken(text)
    assert (apart, shelf.held) == (text, [])


def test_one_line_of_data_may_be_longer_than_a_piece() -> None:
    data = "x" * (3 << 20) + "\n\\.x\n"
    text, shelf = taken(f"COPY t FROM stdin;\n{data}\\.\nSELECT 1;\n")
    assert shelf.held == [data.encode()]
    assert text.endswith("\n\\.\nSELECT 1;\n")


@given(
    st.lists(st.sampled_from(["a;", "'", "$$", "/*", "*/", "stdin", "from", "copy t ", ";", "\n"]))
)
def test_a_text_with_little_data_is_never_changed(pieces: list[str]) -> None:
    text = " ".join(pieces)
    apart, _ = taken(text)
    assert apart == text or apart.rstrip("\n").endswith("\\.")


def test_too_much_sql_is_refused(db: None) -> None:
    release = Release.objects.create(slug="r", title="R")
    big = io.BytesIO(b"SELECT 1;\n" * (MOST_SQL // 10 + 1))
    with pytest.raises(data_blocks.TooMuchText):
        data_blocks.attach(release=release, name="a.sql", file=big, actor=COMMAND)
    latin = io.BytesIO("SELECT 'é'".encode("latin-1"))
    with pytest.raises(data_blocks.NotUtf8):
        data_blocks.attach(release=release, name="a.sql", file=latin, actor=COMMAND)
    assert not MigrationScript.objects.exists()


def test_the_same_data_is_kept_once(db: None) -> None:
    data = [b"x" * 700_000] * 4
    first, second = data_blocks.keep(iter(data)), data_blocks.keep(iter(data))
    assert first == second
    block = DataBlock.objects.get()
    assert (block.sha256, block.size, block.parts.count()) == (first.sha256, 2_800_000, 2)
    assert b"".join(data_blocks.read(first.sha256)) == b"".join(data)


def test_data_is_forgotten_a_week_after_nothing_names_it_any_more(db: None) -> None:
    named, loose, young = (data_blocks.keep([letter * 10]) for letter in (b"a", b"b", b"c"))
    release = Release.objects.create(slug="r", title="R")
    MigrationScript.objects.create(release=release, name="s.sql", text=f"-- {named.sha256}")
    old = DataBlock.objects.filter(sha256__in=[named.sha256, loose.sha256])
    old.update(kept_at=Now() - data_blocks.KEEP - timedelta(hours=1))
    assert data_blocks.forget() == 1
    left = set(DataBlock.objects.values_list("sha256", flat=True))
    assert left == {named.sha256, young.sha256}
    assert data_blocks.forget() == 0


def test_an_attached_file_runs_with_all_of_its_data(
    queue: QueueRun, on_target: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    path = tmp_path / "1.sql"
    path.write_text(f"CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n{MUCH}\\.\n")
    call_command("attach_script", "r", str(path))
    run = queue(MigrationScript.objects.get().text)
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert on_target.execute("SELECT count(*), sum(a) FROM t").fetchone() == (10_000, 49_995_000)


def test_without_its_data_a_script_is_not_begun(
    queue: QueueRun, on_target: psycopg.Connection[tuple[object, ...]]
) -> None:
    text, shelf = taken(f"CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n{MUCH}\\.\n")
    assert len(shelf.held[0]) > MOST_INLINE
    with pytest.raises(data_blocks.DataMissing, match="Attach the file again"):
        queue(text)
    assert on_target.execute("SELECT to_regclass('t')").fetchone() == (None,)


@pytest.mark.parametrize("arguments", [("nobody", "x.sql"), ("r", "nowhere.sql")])
def test_what_can_not_be_attached_is_one_line(db: None, arguments: tuple[str, str]) -> None:
    Release.objects.create(slug="r", title="R")
    with pytest.raises(CommandError, match="Nothing was attached") as refused:
        call_command("attach_script", *arguments)
    assert refused.value.returncode == 2


def test_memory_does_not_grow_with_the_data(target_url: str, tmp_path: Path) -> None:
    Release.objects.create(slug="r", title="R")
    size = 64 << 20
    write_file(tmp_path / "small.sql", 3 << 20)
    rows = write_file(tmp_path / "large.sql", size)
    files = [str(tmp_path / "small.sql"), str(tmp_path / "large.sql"), target_url]
    done = subprocess.run(
        [sys.executable, "-m", "tests.migrations_runner.carries_much_data", "r", *files],
        env={**os.environ, "DATABASE_URL": databases.control_url()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["peak"] - told["before"] < size / 4
    with psycopg.connect(target_url) as session:
        assert session.execute("SELECT count(*) FROM much").fetchone() == (rows,)
