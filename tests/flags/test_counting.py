"""What was evaluated and who has heard of what: gathered in memory, written by batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import Error as DatabaseError
from django.db import connection

from flags.models import Flag, FlagClient, FlagState, FlagUsage
from flags.serving import counting
from releases.models import ApiToken, Environment
from tests import databases

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_noted() -> Iterator[None]:
    counting.stop()
    yield
    counting.stop()


@pytest.fixture
def token_id(token: str) -> int:
    return ApiToken.objects.get().pk


def test_counts_of_an_hour_add_up_by_variant_and_stage(
    universe: Flag, staging: Environment
) -> None:
    for _ in range(2):
        counting.evaluated("staging", "universe-v2", "on", 5000)
        counting.evaluated("staging", "universe-v2", "on", 5000, 3)
        counting.evaluated("staging", "universe-v2", "off", 5000, 7)
        counting.flush()
    rows = FlagUsage.objects.values_list("variant", "dial", "source", "count")
    assert set(rows) == {("on", 5000, "ofrep", 8), ("off", 5000, "ofrep", 14)}
    state = FlagState.objects.get(flag=universe, environment=staging)
    assert state.last_evaluated_at is not None


def test_thousands_of_different_answers_wait_for_each_other_but_clients_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "MANY_KEYS", 2)
    counts, now = counting.Counts(), time.monotonic()
    client = counting.Client("staging", 1, "ofrep", "curl")
    hour = datetime(2026, 11, 23, 10, tzinfo=UTC)
    answers = [counting.Answer("staging", key, "on", 0, "ofrep", hour) for key in "abc"]
    counts.take()
    for answer in answers[:2]:
        counts.evaluated(answer, 1)
    assert counts.may_be_written(now)  # these are few
    counts.evaluated(answers[2], 1)
    counts.seen(client, counting.Sight(hour, None, None, "", "", connected=None))
    assert not counts.may_be_written(now)
    assert counts.may_be_written(now + counting.SELDOM_SECONDS + 1)
    taken, clients = counts.take(answers=False)
    assert (taken, set(clients)) == ({}, {client})
    monkeypatch.setattr(counting, "MOST_KEYS", 4)
    assert counts.may_be_written(now)  # there is no room to wait
    assert set(counts.take()[0]) == set(answers)


def test_of_a_client_the_last_word_counts_and_silence_changes_nothing(token_id: int) -> None:
    place = ("staging", token_id, "ofrep_stream", "curl #1")
    counting.seen(*place, 4, sdk="curl", connected=True)
    counting.flush()
    counting.seen(*place, None, sdk="curl")
    counting.flush()
    client = FlagClient.objects.get()
    assert (client.revision, client.connected, client.sdk) == (4, True, "curl")
    counting.seen(*place, 5)
    counting.seen(*place, None, connected=False)
    counting.flush()
    client = FlagClient.objects.get()
    assert (client.revision, client.connected) == (5, False)
    assert client.last_seen > client.first_seen


def test_what_no_longer_exists_is_not_counted_and_stops_nothing(
    universe: Flag, token_id: int
) -> None:
    counting.evaluated("nowhere", "universe-v2", "on", 0)
    counting.seen("staging", token_id + 1000, "ofrep", "x", 1)
    counting.evaluated("staging", "universe-v2", "on", 0)
    counting.flush()
    assert FlagUsage.objects.get().count == 1
    assert not FlagClient.objects.exists()


def test_what_cannot_be_written_is_kept_for_the_next_time(universe: Flag, token_id: int) -> None:
    counting.evaluated("staging", "universe-v2", "on", 0, 2)
    counting.seen("staging", token_id, "ofrep", "x", 3)
    with psycopg.connect(databases.control_url()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE flags_flagusage")
        cursor.execute("SET statement_timeout = 100")
        try:
            with pytest.raises(DatabaseError):
                counting.flush()
        finally:
            cursor.execute("RESET statement_timeout")
    assert not FlagUsage.objects.exists()
    counting.evaluated("staging", "universe-v2", "on", 0)
    counting.flush()
    assert FlagUsage.objects.get().count == 3
    assert FlagClient.objects.get().revision == 3


def test_the_last_notes_are_written_when_the_process_ends(universe: Flag) -> None:
    counting.evaluated("staging", "universe-v2", "on", 0)
    counting.stop()
    assert FlagUsage.objects.get().count == 1
