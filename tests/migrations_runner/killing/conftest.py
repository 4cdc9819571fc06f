"""One target for a whole file, emptied for each point: new databases would cost more than kills."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from migrations_runner import ledger
from tests import databases
from tests.migrations_runner.conftest import VARIABLE
from tests.migrations_runner.killing.kit import Kill, Room, kill_again_and_again
from tests.migrations_runner.killing.points import Point
from tests.migrations_runner.killing.victims import Victims

_EMPTY = (
    "DROP SCHEMA IF EXISTS release_control CASCADE;DROP SCHEMA public CASCADE; CREATE SCHEMA public"
)


@pytest.fixture(scope="module")
def emptied_url(django_db_setup: None) -> Iterator[str]:
    with databases.scratch() as url:
        yield url


@pytest.fixture
def target_url(transactional_db: None, emptied_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(VARIABLE, emptied_url)
    with psycopg.connect(emptied_url, autocommit=True) as connection:
        connection.execute(_EMPTY)
        ledger.prepare(connection)
    return emptied_url


@pytest.fixture
def kill(victims: Victims, record_property: Callable[[str, object], None]) -> Kill:
    """Kill workers at a point of a room; how many died is told in the summary."""

    def again_and_again(point: Point, room: Room) -> None:
        killed = kill_again_and_again(victims, point, room)
        record_property("killed", killed)

    return again_and_again


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried, so that a long run says more than a row of dots."""
    for report in terminalreporter.getreports("passed"):
        for name, killed in report.user_properties:
            if name == "killed" and report.when == "call":
                terminalreporter.write_line(f"{killed:4} killed: {report.nodeid}")
