"""Finding what a person named: a flag by key, an environment by slug, or a refusal that helps."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from flags.models import Flag, FlagState, key_validator
from releases.models import Environment, Release
from releases.refusals import Refused

_SHOWN = 60  # characters of what was given
_LISTED = 10  # flags that exist


class NoSuchFlag(Refused):
    """There is no flag of that key; nothing was changed."""


class NoSuchEnvironment(Refused):
    """There is no environment of that name; nothing was changed."""


def find_flag(key: str) -> Flag:
    """Return the flag of this key unless it is archived. Raises `NoSuchFlag`, naming some."""
    flags = Flag.objects.filter(archived_at=None)
    # A key that could not be one may hold what PostgreSQL cannot even compare (NUL, surrogates).
    found = flags.filter(key=key).first() if _could_be_a_key(key) else None
    if found is None:
        raise NoSuchFlag(_named(key, list(flags.values_list("key", flat=True)[:_LISTED])))
    return found


def _could_be_a_key(text: str) -> bool:
    try:
        key_validator(text)
    except ValidationError:
        return False
    return True


def find_environment(slug: str) -> Environment:
    """Return the environment of this slug. Raises `NoSuchEnvironment`, naming those there are."""
    known = {environment.slug: environment for environment in Environment.objects.all()}
    if slug not in known:
        raise NoSuchEnvironment(_named(slug, list(known)))
    return known[slug]


def readable(text: str) -> str:
    """Return text without what cannot be stored or printed: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def states_of(release: Release) -> QuerySet[FlagState]:
    """The dials that a release shows: of its own flags, and of those that it shares."""
    mine = Q(flag__release=release) | Q(flag__also_in=release)
    states = FlagState.objects.filter(mine, flag__archived_at=None).distinct()
    return states.select_related("flag", "environment")


def _named(given: str, known: list[str]) -> str:
    return f"Given: “{readable(given[:_SHOWN])}”. Known: {', '.join(known) or 'none'}."
