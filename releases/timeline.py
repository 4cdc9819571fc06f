"""The timeline: who did what. One `record()` in each verb's own transaction.

Events are append-only (a trigger refuses UPDATE and DELETE) and chained per release: each hash
covers the previous one, so a changed or missing line is found by `broken_links()`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection, models

from releases.models import Environment, Event, Release
from releases.redaction import redact_tree
from releases.refusals import NotPermitted

_CHAIN_LOCK = 7316  # first key of the advisory lock that keeps one release's chain in one line
GENESIS = "0" * 64


@dataclass(frozen=True)
class Actor:
    """Who acts: a person (with a role), or the machine itself."""

    kind: str
    name: str
    user: User | None = None

    @classmethod
    def person(cls, user: AbstractBaseUser | AnonymousUser) -> Actor:
        if not isinstance(user, User):
            raise NotPermitted("Sign in first.")
        return cls("person", user.get_full_name() or user.get_username(), user)

    @classmethod
    def machine(cls, name: str) -> Actor:
        return cls("machine", name)

    @classmethod
    def command(cls, name: str) -> Actor:
        """Somebody with a shell on the server, which is trusted with everything."""
        return cls("command", name)

    def require(self, permission: str) -> None:
        """Raise NotPermitted unless this actor's role holds the permission ("app.codename")."""
        if self.user is not None and not self.user.has_perm(permission):
            raise NotPermitted(f"It needs the permission {permission}.")


def record(
    *,
    actor: Actor,
    verb: str,
    subject: models.Model,
    release: Release | None = None,
    environment: Environment | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Append one event; call it last in the verb's transaction.

    `verb` is ``entity.action`` (``item.tick``); `data` holds facts (before, after, reason), masked
    here. Raises RuntimeError outside a transaction: an act and its event stand or fall together.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("timeline.record() belongs in the verb's own transaction")
    previous = _take_chain(release)
    event = Event(
        release=release,
        environment=environment,
        at=_database_now(),
        actor_kind=actor.kind,
        actor_name=actor.name,
        actor_user_id=actor.user.pk if actor.user else None,
        verb=verb,
        subject=subject_of(subject),
        subject_label=str(subject)[:250],
        data=redact_tree(data or {}),
        previous_hash=previous,
    )
    event.hash = fingerprint(event)
    event.save(force_insert=True)
    return event


def subject_of(thing: models.Model) -> str:
    """The short name of a row, such as ``flagstate:3``."""
    return f"{thing._meta.model_name}:{thing.pk}"


def fingerprint(event: Event) -> str:
    """SHA-256 over the previous hash and every fact of the event, as canonical JSON."""
    facts = [
        event.previous_hash,
        event.at.isoformat(),
        event.release_id,
        event.environment_id,
        event.actor_kind,
        event.actor_name,
        event.actor_user_id,
        event.verb,
        event.subject,
        event.subject_label,
        event.data,
    ]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def broken_links(release: Release | None) -> Iterator[Event]:
    """The events whose hash or whose link to the one before does not hold."""
    previous = GENESIS
    for event in Event.objects.filter(release=release).order_by("id"):
        if event.previous_hash != previous or event.hash != fingerprint(event):
            yield event
        previous = event.hash


def _take_chain(release: Release | None) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [_CHAIN_LOCK, release.pk if release else 0]
        )
    last = Event.objects.filter(release=release).order_by("-id").values_list("hash", flat=True)
    return last.first() or GENESIS


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    at: datetime = row[0]
    return at
