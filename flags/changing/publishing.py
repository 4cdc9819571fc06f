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

from flags.changing import reading
from flags.core.exposure import grows
from flags.core.specs import (
    Document,
    FlagSpec,
    SegmentSpec,
    flag_document,
    flag_from,
    segment_document,
    segment_from,
)
from flags.models import Flag, ProposedChange, RulesetEntry, RulesetRevision, Segment
from flags.states import ChangeState
from releases.models import Environment
from releases.refusals import Refused
from releases.tokens import CHANNEL

Documents = Mapping[str, dict[str, Any] | None]
"""By key; None where there is nothing of this key any more."""

Changes = Mapping[str, tuple[dict[str, Any] | None, dict[str, Any] | None]]
"""Before and after, by key."""

_FLAG, _SEGMENT = RulesetEntry.Kind.FLAG, RulesetEntry.Kind.SEGMENT


class OutsideTransaction(RuntimeError):
    """publish() belongs in the transaction of the change that it announces."""


class NeedsApproval(Refused):
    """Other people have to approve this first; nothing was changed.

    ``environment``, ``key``, ``before`` (None: not published yet) and ``after`` tell what exactly.
    """

    def __init__(
        self, environment: Environment, key: str, before: Document | None, after: Document | None
    ) -> None:
        self.environment = environment
        self.key = key
        self.before = before
        self.after = after
        super().__init__(f"It would let more users in to {key} on {environment}.")


class SegmentNeedsApproval(Refused):
    """This segment is used where changes need approval, so it was not changed.

    Make another segment and propose a rule that uses it.
    """


def publish(
    environment: Environment,
    *,
    flags: Collection[Flag] | None = None,
    segments: Collection[Segment] | None = None,
    actor_name: str = "",
    approved: bool = False,
) -> int:
    """Raise the revision of an environment, write what differs, and tell every process at commit.

    Without `flags` and `segments` all of both are compared; with either, only those named. Returns
    the new revision. Its row lock puts concurrent changes in one order. A change of a flag voids
    the changes of it that still wait for approval. Raises `OutsideTransaction`, and
    `NeedsApproval` or `SegmentNeedsApproval` where the environment asks for it, more users could
    be let in and it is not `approved`.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction(OutsideTransaction.__doc__)
    everything = flags is None and segments is None
    revision = _raise_revision(environment)
    if everything or flags is not None:
        changed = _changed(environment, _FLAG, _flags(environment, flags))
        if not approved:
            _require_approval(environment, changed)
        _write(environment, revision, _FLAG, changed, actor_name)
        _void_proposals(environment, changed, revision)
    if everything or segments is not None:
        changed = _changed(environment, _SEGMENT, _segments(segments))
        if not approved:
            _refuse_segments_in_use(environment, changed)
        _write(environment, revision, _SEGMENT, changed, actor_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{environment.slug} {revision}"])
    return revision


def published(environment: Environment, key: str) -> dict[str, Any] | None:
    """Return the document of a flag as every process answers from it now, or None."""
    entries = RulesetEntry.objects.filter(
        environment=environment, kind=_FLAG, key=key, current=True
    )
    return entries.values_list("document", flat=True).first()


def published_specs(
    environment: Environment,
) -> tuple[dict[str, FlagSpec], dict[str, SegmentSpec]]:
    """Return all flags and segments that an environment answers from now, by key."""
    flags: dict[str, FlagSpec] = {}
    segments: dict[str, SegmentSpec] = {}
    for entry in RulesetEntry.objects.filter(environment=environment, current=True):
        if entry.document is None:
            continue
        if entry.kind == _FLAG:
            flags[entry.key] = flag_from(entry.document)
        else:
            segments[entry.key] = segment_from(entry.document)
    return flags, segments


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


def _changed(environment: Environment, kind: str, documents: Documents) -> Changes:
    """What differs from what is published now: before and after, by key."""
    standing = RulesetEntry.objects.filter(
        environment=environment, kind=kind, key__in=documents, current=True
    )
    before = dict(standing.values_list("key", "document"))
    return {
        key: (before.get(key), document)
        for key, document in documents.items()
        if _text(before.get(key)) != _text(document)
    }


def _require_approval(environment: Environment, changed: Changes) -> None:
    if not changed or not _asks_for_approval(environment):
        return
    for key, (before, after) in changed.items():
        if grows(flag_from(before) if before else None, flag_from(after) if after else None):
            raise NeedsApproval(environment, key, before, after)


def _asks_for_approval(environment: Environment) -> bool:
    return Environment.objects.filter(pk=environment.pk, flag_approvals_needed__gt=0).exists()


def _refuse_segments_in_use(environment: Environment, changed: Changes) -> None:
    if not changed or not _asks_for_approval(environment):
        return
    entries = RulesetEntry.objects.filter(environment=environment, kind=_FLAG, current=True)
    for document in entries.values_list("document", flat=True):
        if document is None:
            continue
        used = {key for rule in document["rules"] for key in rule["segments"]} & changed.keys()
        if used:
            raise SegmentNeedsApproval(f"{document['key']} uses {', '.join(sorted(used))}.")


def _write(
    environment: Environment, revision: int, kind: str, changed: Changes, actor_name: str
) -> None:
    RulesetEntry.objects.filter(
        environment=environment, kind=kind, key__in=changed, current=True
    ).update(current=False)
    RulesetEntry.objects.bulk_create(
        RulesetEntry(
            environment=environment,
            kind=kind,
            key=key,
            revision=revision,
            document=document,
            at=Now(),
            actor_name=actor_name[:200],
        )
        for key, (_, document) in changed.items()
    )


def _void_proposals(environment: Environment, changed: Changes, revision: int) -> None:
    # What was proposed on an older document is not what would happen any more.
    ProposedChange.objects.filter(
        of__environment=environment, of__flag__key__in=changed, state=ChangeState.WAITING
    ).update(
        state=ChangeState.VOID,
        ended_at=Now(),
        outcome=f"The flag was changed meanwhile, at revision {revision}.",
    )


def _text(document: Document | None) -> str:
    # As text, because to Python 1, 1.0 and true are equal, and to applications they are not.
    return json.dumps(document, sort_keys=True)
