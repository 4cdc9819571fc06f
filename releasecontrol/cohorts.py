"""Which of given keys a flag exposes at a percentage, for a script that is to touch only those.

Flags and runs are siblings: the keys pass from one to the other here, as plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from flags.core.bucketing import is_exposed
from flags.core.percent import parse_percent
from flags.models import FlagState
from migrations_runner.cohorts import with_cohort
from releases.refusals import Refused


class NoSuchDial(Refused):
    """There is no such flag in this environment, so nothing was queued."""


class NotACohort(Refused):
    """A cohort is given as name=flag@percent; nothing was queued."""


class KeysUnreadable(Refused):
    """A cohort needs a file with one key a line; nothing was queued."""


def exposed(*, flag: str, environment: str, percent: str, keys: Iterable[str]) -> list[str]:
    """The keys that the flag exposes at `percent`, in the order given; blank ones are left out.

    The percentage is the caller's: it may be ahead of the dial. Raises NoSuchDial, PercentRefused.
    """
    dial = parse_percent(percent)
    state = (
        FlagState.objects.select_related("flag")
        .filter(flag__key=flag, environment__slug=environment)
        .first()
    )
    if state is None:
        raise NoSuchDial(f"{flag} in {environment}.")
    salt = state.salt or state.flag.key
    return [key for key in keys if key and is_exposed(salt, key, dial)]


def bind(
    variables: Mapping[str, str], wishes: Iterable[str], keys: Path | None, environment: str
) -> dict[str, str]:
    """The variables, and one more for each cohort wished for: the file's keys that it exposes.

    Raises NotACohort, NoSuchDial, KeysUnreadable, and the refusals of migrations_runner.cohorts.
    """
    bound = dict(variables)
    for wish in wishes:
        name, flag, percent = parse(wish)
        chosen = exposed(flag=flag, environment=environment, percent=percent, keys=_lines(keys))
        bound = with_cohort(bound, name, chosen)
    return bound


def _lines(keys: Path | None) -> list[str]:
    """One key a line, as it stands there."""
    if keys is None:
        raise KeysUnreadable("Name it with --keys-file.")
    try:
        return keys.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failed:
        raise KeysUnreadable(f"{keys}: {failed}") from None


def parse(text: str) -> tuple[str, str, str]:
    """Name, flag and percentage of ``cohort=universe-v2@12.5``. Raises NotACohort.

    >>> parse("cohort=universe-v2@12.5")
    ('cohort', 'universe-v2', '12.5')
    """
    name, equals, rest = text.partition("=")
    flag, at, percent = rest.rpartition("@")
    if not (name and equals and flag and at and percent):
        raise NotACohort(f"Got: {text[:60]}.")
    return name, flag, percent
