"""Our reading of a script beside the real psql's: the same statements, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrations_runner.lexing import first_token
from migrations_runner.parsing import parse_script
from tests.migrations_runner.psql_corpus import CORPUS, VALUES
from tests.migrations_runner.psql_kit import sent_by_psql


def bare(sql: str) -> str:
    """Without the comments before it and the separator after it."""
    return sql[first_token(sql, 0, len(sql)) :].rstrip().removesuffix(";").rstrip()


def without_blank_lines(sql: str) -> str:
    """Where a backslash command stood in a statement, psql drops the line and we blank it."""
    return re.sub(r"\n\s*\n", "\n", sql)


@pytest.mark.django_db
@pytest.mark.parametrize("script", CORPUS.values(), ids=CORPUS.keys())
def test_psql_sends_the_same_statements(script: str, tmp_path: Path) -> None:
    ours = [without_blank_lines(each.sql) for each in parse_script(script, VALUES).statements]
    theirs = [bare(sql) for sql in sent_by_psql(script, VALUES, tmp_path)]
    assert ours == [sql for sql in theirs if sql]
