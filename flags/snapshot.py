"""Rows → one immutable picture of every environment's flags and of the live tokens.

`load` reads everything in one read-only transaction with one view of the data, so a picture is
never half old and half new. `marks` is the cheap question "would it differ from the last one?".
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from django.db import connection, transaction
from django.db.models import Count, Max

from flags.evaluation import FlagNotCompilable, Resolver, compile_flag
from flags.models import RulesetEntry, RulesetRevision
from flags.specs import FlagSpec, flag_from
from releases.models import ApiToken, Environment

log = logging.getLogger(__name__)

Marks: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All flags of one environment, compiled, at one revision. Compared by identity.

    ``broken`` holds, by key, why a flag could not be compiled: it exists but has no answer.
    """

    environment: str
    revision: int
    changed_at: datetime | None
    flags: Mapping[str, Resolver]
    specs: Mapping[str, FlagSpec]
    broken: Mapping[str, str]


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
    """Rulesets by environment slug, tokens that are not revoked, and the marks they bear."""

    marks: Marks
    rulesets: Mapping[str, Ruleset]
    tokens_by_digest: Mapping[str, TokenFacts]
    tokens_by_id: Mapping[int, TokenFacts]


def marks() -> Marks:
    """Return a value that changes whenever `load` would give something else."""
    tokens = ApiToken.objects.aggregate(
        count=Count("id"), newest=Max("id"), last_revoked=Max("revoked_at")
    )
    environments = Environment.objects.order_by("id").values_list(
        "slug", "ruleset_revision__revision"
    )
    return (*tokens.values(), *environments)


def load() -> Snapshot:
    """Read and compile everything; raises DatabaseError when the database does not answer."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tokens = _tokens()
        return Snapshot(
            marks=marks(),
            rulesets=MappingProxyType(dict(_rulesets())),
            tokens_by_digest=MappingProxyType(tokens),
            tokens_by_id=MappingProxyType({facts.id: facts for facts in tokens.values()}),
        )


def _rulesets() -> Iterator[tuple[str, Ruleset]]:
    specs = _specs_by_environment()
    revisions = {row.environment_id: row for row in RulesetRevision.objects.all()}
    for environment in Environment.objects.all():
        revision = revisions.get(environment.pk)
        yield environment.slug, _compiled(environment.slug, revision, specs[environment.pk])


def _compiled(slug: str, revision: RulesetRevision | None, specs: list[FlagSpec]) -> Ruleset:
    flags: dict[str, Resolver] = {}
    broken: dict[str, str] = {}
    for spec in specs:
        try:
            flags[spec.key] = compile_flag(spec)
        except FlagNotCompilable as refused:
            broken[spec.key] = refused.why
            log.warning("flag %s on %s has no answer: %s", spec.key, slug, refused.why)
    return Ruleset(
        environment=slug,
        revision=revision.revision if revision else 0,
        changed_at=revision.changed_at if revision else None,
        flags=MappingProxyType(flags),
        specs=MappingProxyType({spec.key: spec for spec in specs}),
        broken=MappingProxyType(broken),
    )


def _specs_by_environment() -> dict[int, list[FlagSpec]]:
    specs = defaultdict(list)
    entries = RulesetEntry.objects.filter(kind=RulesetEntry.Kind.FLAG, current=True)
    for entry in entries.order_by("key"):
        if entry.document is not None:
            specs[entry.environment_id].append(flag_from(entry.document))
    return specs


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
