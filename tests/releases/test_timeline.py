from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection, transaction

from releases import timeline
from releases.models import Environment, Event, Release
from releases.refusals import NotPermitted
from releases.timeline import Actor


def write(release: Release, text: str) -> Event:
    with transaction.atomic():
        return timeline.record(
            actor=Actor.machine("test"),
            verb="test.write",
            subject=release,
            release=release,
            data={"text": text},
        )


def disarm_the_trigger() -> None:
    """What somebody with the database's superuser could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE releases_event DISABLE TRIGGER event_append_only")


def test_an_event_can_not_be_changed(release: Release) -> None:
    event = write(release, "one")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(actor_name="somebody else")


def test_an_event_can_not_be_deleted(release: Release) -> None:
    event = write(release, "one")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        event.delete()


def test_a_changed_byte_is_found_by_name(release: Release) -> None:
    events = [write(release, text) for text in ("one", "two", "three")]
    disarm_the_trigger()
    Event.objects.filter(pk=events[1].pk).update(data={"text": "forged"})
    assert [broken.pk for broken in timeline.broken_links(release)] == [events[1].pk]


def test_a_removed_event_is_found_at_its_successor(release: Release) -> None:
    events = [write(release, text) for text in ("one", "two", "three")]
    disarm_the_trigger()
    events[1].delete()
    assert [broken.pk for broken in timeline.broken_links(release)] == [events[2].pk]


def test_secrets_in_an_event_are_masked(release: Release) -> None:
    event = write(release, "postgresql://ana:hunter2@db/prod")
    assert "hunter2" not in str(event.data)


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_a_bug_and_says_so() -> None:
    environment = Environment.objects.create(slug="e", name="E")
    with pytest.raises(RuntimeError, match="own transaction"):
        timeline.record(actor=Actor.machine("test"), verb="x", subject=environment)


def test_nobody_anonymous_acts(db: None) -> None:
    with pytest.raises(NotPermitted):
        Actor.person(AnonymousUser())


def test_a_command_needs_no_role_and_a_person_does(dan: User) -> None:
    Actor.command("shell").require("flags.kill_flag")
    with pytest.raises(NotPermitted, match=r"flags\.kill_flag"):
        Actor.person(dan).require("flags.kill_flag")
