"""Rows → one immutable picture of every environment's flags and of the live tokens.

`load` reads everything in one read-only transaction with one view of the data, so a picture is
never half old and half new. `marks` is the cheap question "would it differ from the last one?".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from django.db import connection, transaction
from django.db.models import Count, Max

from flags.core.answers import Resolver
from flags.core.collector import collector_paused
from flags.core.compiling import Compiled, compile_ruleset, copied
from flags.core.specs import FlagSpec, SegmentSpec, UnknownDocument, flag_from, segment_from
from flags.models import RulesetEntry, RulesetRevision
from releases.models import ApiToken, Environment

log = logging.getLogger(__name__)

Marks: TypeAlias = tuple[Any, ...]

Entry: TypeAlias = tuple[str, str, Mapping[str, Any] | None]
"""Kind, key and document of one published flag or segment."""


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All flags of one environment, compiled, at one revision. Compared by identity.

    ``broken`` holds, by key, why a flag could not be compiled: it exists but has no answer.
    ``warnings`` holds why one that answers is off, whatever was meant.
    """

    environment: str
    revision: int
    changed_at: datetime | None
    compiled: Compiled
    unread: Mapping[str, str]
    flags: Mapping[str, Resolver]
    specs: Mapping[str, FlagSpec]
    segments: Mapping[str, SegmentSpec]
    broken: Mapping[str, str]
    warnings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a request needs to know of its token; ``expires_at`` in Unix seconds, or None."""

    id: int
    environment: str
    scope: str
    expires_at: float | None

    def is_live(self) -> bool:
        """Say whether the token has not expired, by this machine's clock."""
        return self.expires_at is None or time.time() < self.expires_at


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rulesets by environment slug, tokens that are not revoked, and the marks they bear.

    ``good_headers`` fills up with the headers that one of its tokens came in: they are the only
    part that changes, and are forgotten with it.
    """

    marks: Marks
    rulesets: Mapping[str, Ruleset]
    tokens_by_digest: Mapping[str, TokenFacts]
    tokens_by_id: Mapping[int, TokenFacts]
    good_headers: dict[str, TokenFacts] = field(default_factory=dict, compare=False, repr=False)


def marks() -> Marks:
    """Return a value that changes whenever `load` would give something else."""
    tokens = ApiToken.objects.aggregate(
        count=Count("id"), newest=Max("id"), last_revoked=Max("revoked_at")
    )
    environments = Environment.objects.order_by("id").values_list(
        "slug", "ruleset_revision__revision"
    )
    return (*tokens.values(), *environments)


def load(known: Snapshot | None = None) -> Snapshot:
    """Read what is published and compile it; raises DatabaseError when the database is away.

    Of what is `known` only the entries after its revisions are read, and only what they touch is
    compiled again.
    """
    with collector_paused(), transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tokens = _tokens()
        return Snapshot(
            marks=marks(),
            rulesets=MappingProxyType(dict(_rulesets(known))),
            tokens_by_digest=MappingProxyType(tokens),
            tokens_by_id=MappingProxyType({facts.id: facts for facts in tokens.values()}),
        )


def _rulesets(known: Snapshot | None) -> Iterator[tuple[str, Ruleset]]:
    revisions = {row.environment_id: row for row in RulesetRevision.objects.all()}
    for environment in Environment.objects.all():
        row = revisions.get(environment.pk)
        revision, changed_at = (row.revision, row.changed_at) if row else (0, None)
        before = known.rulesets.get(environment.slug) if known else None
        if before is not None and before.revision == revision:
            yield environment.slug, before
            continue
        if before is not None and before.revision > revision:
            before = None  # another environment of this name, or another database: begin anew
        entries = _entries(environment, before)
        yield environment.slug, assemble(environment.slug, revision, changed_at, entries, before)


def _entries(environment: Environment, before: Ruleset | None) -> Iterator[Entry]:
    found = RulesetEntry.objects.filter(environment=environment, current=True)
    if before is not None:
        found = found.filter(revision__gt=before.revision)
    yield from found.order_by("key").values_list("kind", "key", "document").iterator()


def assemble(
    environment: str,
    revision: int,
    changed_at: datetime | None,
    entries: Iterable[Entry],
    before: Ruleset | None = None,
) -> Ruleset:
    """Return the ruleset that `entries` make of `before`; a document that is null takes away.

    A document that this version can't read leaves its flag without an answer, and the others alone.
    """
    specs = copied(before.specs) if before else {}
    segments = copied(before.segments) if before else {}
    unread = dict(before.unread) if before else {}
    for kind, key, document in entries:
        unread.pop(key, None)
        place: dict[str, Any] = specs if kind == RulesetEntry.Kind.FLAG else segments
        place.pop(key, None)
        if document is None:
            continue
        try:
            place[key] = flag_from(document) if place is specs else segment_from(document)
        except UnknownDocument as odd:
            unread[key] = odd.detail.rstrip(".")
    compiled = compile_ruleset(specs, segments, before=before.compiled if before else None)
    return Ruleset(
        environment=environment,
        revision=revision,
        changed_at=changed_at,
        compiled=compiled,
        unread=MappingProxyType(unread),
        flags=compiled.flags,
        specs=MappingProxyType(specs),
        segments=MappingProxyType(segments),
        broken=_told(environment, {**compiled.broken, **unread}, before),
        warnings=compiled.warnings,
    )


def _told(environment: str, broken: dict[str, str], before: Ruleset | None) -> Mapping[str, str]:
    for key, why in broken.items():
        if before is None or before.broken.get(key) != why:
            log.warning("flag %s on %s has no answer: %s", key, environment, why)
    return MappingProxyType(broken)


def _tokens() -> dict[str, TokenFacts]:
    # Expiry is judged when a token is used, not here: a picture can be older than a token.
    live = ApiToken.objects.filter(revoked_at=None).select_related("environment")
    return {token.digest: _facts(token) for token in live}


def _facts(token: ApiToken) -> TokenFacts:
    return TokenFacts(
        id=token.pk,
        environment=token.environment.slug,
        scope=token.scope,
        expires_at=token.expires_at.timestamp() if token.expires_at else None,
    )
