"""Texts that nobody wrote for a parser: deep, long, arbitrary."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations_runner.depth import DEEPEST
from migrations_runner.parsing import check, parse_script
from migrations_runner.refusals import (
    TooDeeplyNested,
)
from tests.migrations_runner.psql_corpus import CORPUS

# --- Robust and fast -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "+".join(["1"] * 200_000),
        "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "SELECT " + "NOT " * 100_000 + "true",
        "SELECT 1" + " UNION SELECT 1" * 100_000,
        "SELECT 1 FROM t{}".format(" JOIN t ON a = b AND c = d" * 50_000),
        "SELECT 1" + "::int" * 100_000,
        "SELECT " + "CASE WHEN a THEN 1 ELSE " * 50_000,
        "SELECT " + "ARRAY[" * 100_000,
        "SELECT x" + " IS NULL" * 100_000,
        "SELECT a" + ' COLLATE "C"' * 100_000,
    ],
    ids=lambda text: text[:24],
)
def test_absurd_nesting_is_refused_and_kills_no_process(text: str) -> None:
    with pytest.raises(TooDeeplyNested):
        parse_script(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "+".join(["1"] * (DEEPEST - 10)),
        "SELECT 1" + " UNION SELECT 1" * (DEEPEST - 10),
        "SELECT 1" + "::int" * (DEEPEST - 10),
        "SELECT " + "(SELECT " * (DEEPEST // 2 - 10) + "1" + ")" * (DEEPEST // 2 - 10),
        "INSERT INTO t VALUES (0, 'a', true){}".format(", (-1, 'a' || 'b', NOT true)" * 20_000),
        "SELECT 1 WHERE a = 1" + " OR a = 1 AND b = 2" * 20_000,
    ],
    ids=lambda text: text[:24],
)
def test_what_is_only_long_is_parsed_even_on_a_threads_small_stack(text: str) -> None:
    parsed: list[int] = []
    thread = threading.Thread(target=lambda: parsed.append(len(parse_script(text, {}).statements)))
    thread.start()
    thread.join()
    assert parsed == [1]


def test_a_thousand_statements_take_less_than_a_second() -> None:
    text = "".join(
        f"INSERT INTO t{n} (a, b) VALUES ({n}, 'é', :'x'); -- {n}\n" for n in range(1000)
    )
    began = time.process_time()
    script = parse_script(text, {"x": "1"})
    assert time.process_time() - began < 1
    assert script.statements[999].line == 1000


# --- Any text ------------------------------------------------------------------------------------

STATEMENTS = st.sampled_from(list(CORPUS.values())).map(
    lambda text: parse_script(text, None).statements[0].sql
)
#: Each begins a new line, since a statement may end in a comment.
SEPARATORS = st.sampled_from(["\n;", "\n;;", "\n ; -- é ; '\n", "\n;/* ; /* ' */ */", "\n;\t;"])


@given(st.lists(st.tuples(STATEMENTS, SEPARATORS), min_size=1, max_size=8))
def test_splitting_loses_nothing_but_separators(parts: list[tuple[str, str]]) -> None:
    text = "".join(sql + separator for sql, separator in parts)
    script = parse_script(text, None)
    assert [each.sql for each in script.statements] == [sql for sql, _ in parts]


@given(st.text(alphabet="SELECT 1;'\"$a\\-/*:x()[]E\n é\ufeff\0", max_size=60))
def test_any_text_is_either_parsed_or_refused(text: str) -> None:
    """Never another exception, and a place that exists."""
    checked = check(text, {"x": "1"})
    assert bool(checked.statements) != bool(checked.problems)
    for problem in checked.problems:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column >= 1
