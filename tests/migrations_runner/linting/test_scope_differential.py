"""The scope walk beside PostgreSQL itself: what the server accepts is never called unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrations_runner import catalog
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.names.rules import look
from tests import databases

HERE = Path(__file__).parent
SCHEMA = (HERE / "scope_schema.sql").read_text(encoding="utf-8")
STATEMENTS = (HERE / "scope_statements.sql").read_text(encoding="utf-8").splitlines()[1:]
Session = psycopg.Connection[tuple[object, ...]]
UNKNOWN = {"unknown-column", "unknown-table"}
NOT_FOUND = {"42703", "42P01"}


@pytest.fixture
def server(transactional_db: None) -> Iterator[Session]:
    with databases.scratch() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


def verdict_of(server: Session, statement: str) -> str:
    """What the server says of a statement's names: empty for fine, else the SQLSTATE."""
    with server.transaction(force_rollback=True):
        try:
            server.execute(f"EXPLAIN {statement}".encode())
        except psycopg.Error as refused:
            return refused.sqlstate or "?"
    return ""


def ours(statement: str, known: Catalog) -> list[str]:
    return [f"{one.rule}: {one.message}" for one in look(statement, known) if one.rule in UNKNOWN]


def test_what_the_server_accepts_is_never_called_unknown_and_what_it_misses_is_found(
    server: Session,
) -> None:
    known = catalog.read(server)
    answers = {statement: verdict_of(server, statement) for statement in STATEMENTS}
    accepted = [statement for statement, state in answers.items() if not state]
    missing = [statement for statement, state in answers.items() if state in NOT_FOUND]

    alarms = {statement: ours(statement, known) for statement in accepted}
    assert {statement: found for statement, found in alarms.items() if found} == {}

    overlooked = [statement for statement in missing if not ours(statement, known)]
    assert len(accepted) >= 150
    assert len(missing) >= 50
    assert len(overlooked) <= len(missing) // 20, overlooked


def test_without_a_catalog_nothing_that_the_server_accepts_is_called_unknown(
    server: Session,
) -> None:
    for statement in STATEMENTS:
        if not verdict_of(server, statement):
            assert ours(statement, Catalog()) == []


NAMES = st.sampled_from(
    [
        "id",
        "owner_id",
        "title",
        "label",
        "account_id",
        "email",
        "n",
        "a.id",
        "b.title",
        "s.label",
        "x.id",
        "x.n",
        "accounts.id",
        "books",
        "a",
        "b.ctid",
    ]
)
TABLES = st.sampled_from(
    [
        "accounts a",
        "books b",
        "shelves s",
        "archive.books b",
        "owners",
        "accounts",
        "books",
        "w",
        "generate_series(1, 2) n",
        "(VALUES (1, 'x')) x (id, n)",
    ]
)


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    """Small SELECTs over few names, so that many of them happen to be right."""
    sources = draw(st.lists(TABLES, min_size=1, max_size=2, unique=True))
    if depth and draw(st.booleans()):
        lateral = draw(st.sampled_from(["", "LATERAL "]))
        sources.append(f"{lateral}({draw(queries(depth=depth - 1))}) x")
    joined = sources[0]
    for source in sources[1:]:
        how = draw(st.sampled_from([", {}", " JOIN {} ON true", " JOIN {} USING (id)"]))
        joined += how.format(source)
    wanted = draw(st.lists(NAMES, min_size=1, max_size=2))
    where = f"{draw(NAMES)} IS NOT NULL"
    if depth and draw(st.booleans()):
        where += f" AND EXISTS ({draw(queries(depth=depth - 1))})"
    begin = "WITH w AS (SELECT 1 AS id, 2 AS n) " if draw(st.booleans()) else ""
    return f"{begin}SELECT {', '.join(wanted)} FROM {joined} WHERE {where}"


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=queries())
def test_made_up_queries_never_meet_a_false_alarm(server: Session, query: str) -> None:
    if not verdict_of(server, query):
        assert ours(query, catalog.read(server)) == []
