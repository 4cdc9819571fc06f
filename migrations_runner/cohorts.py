"""A set of keys as one variable of a script, given from above: those that a flag exposes. Pure.

Scripts use it as ``WHERE user_id = ANY (:'cohort'::text[])``, cast to the type of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrations_runner.quoting import encodable
from releases.refusals import Refused

MOST_KEYS = 100_000
MOST_CHARACTERS = 8_000_000


class EmptyCohort(Refused):
    """A cohort without a key would change nothing, so nothing was queued."""


class CohortTooLarge(Refused):
    """This cohort is too large for one run, so nothing was queued."""


class UnreadableKey(Refused):
    """A key of this cohort can't be part of a text of PostgreSQL, so nothing was queued."""


class CohortNameTaken(Refused):
    """A variable of this name was given already, so nothing was queued."""


def with_cohort(variables: Mapping[str, str], name: str, keys: Iterable[str]) -> dict[str, str]:
    """The variables and one more, whose value is an array of the keys, each once, sorted.

    Raises EmptyCohort, CohortTooLarge, UnreadableKey, CohortNameTaken.

    >>> with_cohort({"since": "2026"}, "cohort", ["b", "a", "b"])
    {'since': '2026', 'cohort': '{"a","b"}'}
    """
    if name in variables:
        raise CohortNameTaken(name)
    chosen = sorted(set(keys))
    if not chosen:
        raise EmptyCohort
    if len(chosen) > MOST_KEYS:
        raise CohortTooLarge(f"{len(chosen):,} keys; {MOST_KEYS:,} fit.")
    value = array_literal(chosen)
    if len(value) > MOST_CHARACTERS:
        raise CohortTooLarge(f"{len(value):,} characters; {MOST_CHARACTERS:,} fit.")
    return {**variables, name: value}


def array_literal(keys: list[str]) -> str:
    r"""Texts as PostgreSQL reads a ``text[]``.

    >>> print(array_literal(["O'Hara", 'a "b"', "c\\d", "NULL", ""]))
    {"O'Hara","a \"b\"","c\\d","NULL",""}
    """
    for place, key in enumerate(keys, 1):
        if not encodable(key):
            raise UnreadableKey(f"Key {place} of {len(keys):,}.")
    escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return "{" + ",".join(f'"{key}"' for key in escaped) + "}"
