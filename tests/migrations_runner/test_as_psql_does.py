"""Our way with a script beside the real psql's: what is sent, what is left, and where both stop."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from migrations_runner.lexing import first_token
from migrations_runner.parsing import Script, Statement, parse_script
from migrations_runner.refusals import ScriptRefused
from migrations_runner.sending import CannotSend, Sender, data_line
from tests import databases
from tests.migrations_runner.psql_corpus import CORPUS, VALUES
from tests.migrations_runner.psql_corpus_effects import DATA, RUNTIME, SEED
from tests.migrations_runner.psql_corpus_schema import (
    ERRORS,
    FILES,
    INCLUDES,
    QUOTING,
    REFUSED,
    SCHEMA,
)
from tests.migrations_runner.psql_kit import (
    Session,
    Stop,
    contents,
    run_by_psql,
    sent_by_psql,
    start_over,
)

GIVEN = {**VALUES, "plain": "t", "one": "1", "yes": "yes"}
EFFECTS = {**DATA, **RUNTIME, **SCHEMA, **QUOTING, **ERRORS, **INCLUDES}
Side = tuple[str, Session]
Pair = tuple[Side, Side]


def bare(sql: str) -> str:
    """Without the comments before it and the separator after it."""
    return sql[first_token(sql, 0, len(sql)) :].rstrip().removesuffix(";").rstrip()


def without_blank_lines(sql: str) -> str:
    """Where a backslash command stood in a statement, psql drops it and we leave a blank."""
    return re.sub(r"\n\s*\n", "\n", sql)


@pytest.mark.django_db
@pytest.mark.parametrize("script", CORPUS.values(), ids=CORPUS.keys())
def test_psql_sends_the_same_statements(script: str, tmp_path: Path) -> None:
    ours = [without_blank_lines(each.sql) for each in parse_script(script, VALUES).statements]
    theirs = [bare(sql) for sql in sent_by_psql(script, VALUES, tmp_path)]
    assert ours == [sql for sql in theirs if sql]


@pytest.fixture(scope="module")
def pair(django_db_setup: None) -> Iterator[Pair]:
    """Two databases, psql's and ours, each with a session to look at it."""
    with (
        databases.scratch() as theirs,
        databases.scratch() as ours,
        looking_at(theirs) as there,
        looking_at(ours) as here,
    ):
        yield (theirs, there), (ours, here)


@contextmanager
def looking_at(url: str) -> Iterator[Session]:
    with psycopg.connect(url, autocommit=True) as session:
        # Nobody waits for the disk: these databases live for a minute.
        name = sql.Identifier(session.info.dbname)
        session.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        session.execute("SET synchronous_commit = off")
        yield session


def run_by_us(url: str, script: Script, values: Mapping[str, str], name: str) -> Stop | None:
    """As the runner does: one transaction where that is possible, else statement by statement."""
    with psycopg.connect(url, autocommit=True) as session:
        sender = Sender(session, script, values)
        if not script.transactional:
            return send_all(sender, script, name)
        with session.transaction() as transaction:
            stopped = send_all(sender, script, name)
            if stopped:
                raise psycopg.Rollback(transaction)
        return stopped


def send_all(sender: Sender, script: Script, name: str) -> Stop | None:
    for statement in script.statements:
        try:
            sender.send(statement)
        except CannotSend as why:
            return Stop(
                Path(statement.file or name).name, end_line(statement), why.detail.rstrip(".")
            )
        except psycopg.Error as error:
            told = error.diag.message_primary or str(error)
            return Stop(Path(statement.file or name).name, end_line(statement, error), told)
    return None


def end_line(statement: Statement, error: psycopg.Error | None = None) -> int:
    """Psql tells the line that it has read last: where the statement or its data ends."""
    query = statement.query
    assert query is not None
    assert statement.origin is not None
    if query.data is not None and error is not None and data_line(error) is not None:
        line, _ = query.source.lines.locate(query.data.end)
        return line
    line, _ = statement.origin.place(len(statement.origin.text))
    return line


def compare(
    pair: Pair, folder: Path, text: str, files: Mapping[str, str], seed: LiteralString = SEED
) -> None:
    """Both runs leave the same, and stop at the same place with the same words."""
    (theirs, there), (ours, here) = pair
    for name, content in {**files, "script.sql": text}.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content.encode())
    script = parse_script(text, GIVEN, files)
    start_over(there, seed)
    start_over(here, seed)
    psqls = run_by_psql(theirs, folder / "script.sql", GIVEN, one=script.transactional)
    assert run_by_us(ours, script, GIVEN, "script.sql") == psqls
    assert contents(here) == contents(there)


@pytest.mark.parametrize("text", EFFECTS.values(), ids=EFFECTS.keys())
def test_psql_leaves_the_same_and_stops_at_the_same_line(
    pair: Pair, tmp_path: Path, text: str
) -> None:
    compare(pair, tmp_path, text, FILES)


@pytest.mark.parametrize(("text", "line", "command"), REFUSED.values(), ids=REFUSED.keys())
def test_what_only_psql_itself_could_do_is_refused_by_line_and_command(
    text: str, line: int, command: str
) -> None:
    with pytest.raises(ScriptRefused) as refused:
        parse_script(text, GIVEN, FILES)
    assert refused.value.line == line
    assert command in refused.value.message


def other_files() -> list[Path]:
    folder = os.environ.get("SQL_CORPUS")
    return sorted(Path(folder).rglob("*.sql")) if folder else []


@pytest.mark.skipif(not other_files(), reason="SQL_CORPUS names no folder with .sql files")
@pytest.mark.parametrize("path", other_files(), ids=lambda path: path.name)
def test_a_file_of_another_corpus_does_the_same_or_is_refused(
    pair: Pair, tmp_path: Path, path: Path
) -> None:
    beside = {
        str(each.relative_to(path.parent)): each.read_text("utf-8", "replace")
        for each in path.parent.rglob("*.sql")
    }
    text = path.read_text("utf-8", "replace")
    try:
        parse_script(text, GIVEN, beside)
    except ScriptRefused as refused:
        pytest.skip(f"{path.name}: {refused.message}")
    compare(pair, tmp_path, text, beside, "SELECT 1")
