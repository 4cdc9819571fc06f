"""The queue's doorbell: whoever waits hears of a task as soon as it is committed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Thread

import pytest
from django.db import connection, transaction
from django_q.brokers import get_broker
from django_q.models import OrmQ

from releasecontrol.queue_broker import Bell, Broker

pytestmark = pytest.mark.django_db(transaction=True)

#: Far longer than any of these tests may last.
LONG = 60.0


@pytest.fixture
def bell() -> Iterator[Bell]:
    bell = Bell()
    bell.listen()
    yield bell
    bell.close()


def test_the_queue_uses_it() -> None:
    assert type(get_broker()) is Broker


def test_a_bell_ends_the_wait_when_a_task_is_committed(bell: Bell) -> None:
    heard: list[float] = []

    def wait() -> None:
        began = time.monotonic()
        bell.wait(LONG)
        heard.append(time.monotonic() - began)

    listener = Thread(target=wait)
    listener.start()
    with transaction.atomic():
        get_broker().enqueue("task")
        assert listener.is_alive()
    listener.join(LONG / 2)
    assert heard, "it still waits"
    assert OrmQ.objects.count() == 1


def test_a_bell_that_rang_before_the_wait_is_heard(bell: Bell) -> None:
    get_broker().enqueue("task")
    began = time.monotonic()
    bell.wait(LONG)
    assert time.monotonic() - began < LONG / 2


def test_a_bell_whose_connection_was_cut_is_hung_up_again(bell: Bell) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'rc-queue' AND datname = current_database()"
        )
    bell.wait(LONG)  # ends with the connection, not with the time
    bell.listen()
    get_broker().enqueue("task")
    bell.wait(LONG)
    assert OrmQ.objects.count() == 1
