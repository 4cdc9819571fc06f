"""Making a change true for everybody: revision, entries and announcement in one commit.

A verb calls `publish` inside its transaction. What it changed is written beside what stood before
(`RulesetEntry`), so that the ruleset can be built from the newest entries, and any earlier one from
those of its time. The commit that makes the change true is the one that raises the revision and
sends the notification: there is no moment at which one exists without the other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from flags import reading
from flags.models import Flag, RulesetEntry, RulesetRevision, Segment
from flags.specs import flag_document, segment_document
from releases.models import Environment
from releases.tokens import CHANNEL

Documents = Mapping[str, dict[str, Any] | None]
"""By key; None where there is nothing of this key any more."""

_FLAG, _SEGMENT = RulesetEntry.Kind.FLAG, RulesetEntry.Kind.SEGMENT


class OutsideTransaction(RuntimeError):
    """publish() belongs in the transaction of the change that it announces."""


def publish(
    environment: Environment,
    *,
    flags: Collection[Flag] | None = None,
    segments: Collection[Segment] | None = None,
    actor_name: str = "",
) -> int:
    """Raise the revision of an environment, write what differs, and tell every process at commit.

    Without `flags` and `segments` all of both are compared; with either, only those named. Returns
    the new revision. Its row lock puts concurrent changes in one order. Raises
    `OutsideTransaction`.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction(OutsideTransaction.__doc__)
    everything = flags is None and segments is None
    revision = _raise_revision(environment)
    if everything or flags is not None:
        _write(environment, revision, _FLAG, _flags(environment, flags), actor_name)
    if everything or segments is not None:
        _write(environment, revision, _SEGMENT, _segments(segments), actor_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{environment.slug} {revision}"])
    return revision


def published(environment: Environment, key: str) -> dict[str, Any] | None:
    """Return the document of a flag as every process answers from it now, or None."""
    entries = RulesetEntry.objects.filter(
        environment=environment, kind=_FLAG, key=key, current=True
    )
    return entries.values_list("document", flat=True).first()


def _raise_revision(environment: Environment) -> int:
    RulesetRevision.objects.get_or_create(environment=environment)
    rows = RulesetRevision.objects.filter(environment=environment)
    rows.update(revision=F("revision") + 1, changed_at=Now())
    return rows.values_list("revision", flat=True).get()


def _flags(environment: Environment, named: Collection[Flag] | None) -> Documents:
    documents: dict[str, dict[str, Any] | None] = {
        spec.key: flag_document(spec) for spec in reading.flag_specs(environment, named)
    }
    gone = _published_keys(environment, _FLAG) if named is None else (flag.key for flag in named)
    return {**dict.fromkeys(gone), **documents}


def _segments(named: Collection[Segment] | None) -> Documents:
    wanted = None if named is None else {segment.key for segment in named}
    documents: dict[str, dict[str, Any] | None] = {
        spec.key: segment_document(spec)
        for spec in reading.segment_specs()
        if wanted is None or spec.key in wanted
    }
    return {**dict.fromkeys(wanted or ()), **documents}


def _published_keys(environment: Environment, kind: str) -> Iterator[str]:
    entries = RulesetEntry.objects.filter(environment=environment, kind=kind, current=True)
    return entries.values_list("key", flat=True).iterator()


def _write(
    environment: Environment, revision: int, kind: str, documents: Documents, actor_name: str
) -> None:
    standing = RulesetEntry.objects.filter(
        environment=environment, kind=kind, key__in=documents, current=True
    )
    before = dict(standing.values_list("key", "document"))
    changed = [
        key for key, document in documents.items() if _text(before.get(key)) != _text(document)
    ]
    standing.filter(key__in=changed).update(current=False)
    RulesetEntry.objects.bulk_create(
        RulesetEntry(
            environment=environment,
            kind=kind,
            key=key,
            revision=revision,
            document=documents[key],
            at=Now(),
            actor_name=actor_name[:200],
        )
        for key in changed
    )


def _text(document: Mapping[str, Any] | None) -> str:
    # As text, because to Python 1, 1.0 and true are equal, and to applications they are not.
    return json.dumps(document, sort_keys=True)
