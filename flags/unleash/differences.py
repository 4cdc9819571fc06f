"""Where SDKs of Unleash decide otherwise than we do, in words for a flag's page. Pure.

Mostly they let fewer in, since that is what is sent to them. Two things can't be sent in any form
that would: they may let more in, and `Difference.more` says so.

Source: what the engine in UnleashClient 6.9.1 and the npm package unleash-client 6.12.1 do, by
trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flags.core.percent import format_percent
from flags.core.specs import TARGETING_KEY, ConditionSpec, FlagSpec, Operator

_DATES = frozenset({Operator.DATE_AFTER, Operator.DATE_BEFORE})
_NOW = "currentTime"


@dataclass(frozen=True, slots=True)
class Difference:
    """What SDKs of Unleash decide otherwise than we do.

    ``users`` is their share in thousandths of a percent, None where it can't be told. ``more``:
    SDKs may let users in whom we do not.
    """

    text: str
    users: int | None
    more: bool = False


def of_percentage(what: str, percentage: int, whole: int) -> Iterator[Difference]:
    """SDKs take whole percents; the rest of one is left out."""
    rest = percentage % 1000
    if rest:
        told = f"{what} stands at {format_percent(percentage)} %; SDKs get {whole} %"
        yield Difference(told, rest)


def of_odd_keys(flag: FlagSpec) -> Iterator[Difference]:
    """To us only texts and whole numbers name somebody; SDKs hash whatever they are given."""
    if flag.bucket_by != TARGETING_KEY:
        told = (
            f"Whoever has a number with decimals, true or false as “{flag.bucket_by}” has no key "
            "here; SDKs take it as one and may let such a user in"
        )
        yield Difference(told, None, more=True)


def of_dates(what: str, asked: Iterable[ConditionSpec]) -> Iterator[Difference]:
    """The SDK for Node compares the current time, whatever attribute a date condition names."""
    for name in dict.fromkeys(
        one.attribute for one in asked if one.operator in _DATES and one.attribute != _NOW
    ):
        told = (
            f"{what} asks for the date in “{name}”; the SDK for Node looks at the current time "
            "instead and may let others in"
        )
        yield Difference(told, None, more=True)
