"""What a flag can say: the words of every answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from flags.core.attributes import Context
from flags.core.specs import VariantSpec

Scalar: TypeAlias = bool | int | float | str


class Reason(StrEnum):
    """Why an answer is what it is: the five words that OFREP 0.3 knows, and no other."""

    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"
    UNKNOWN = "UNKNOWN"


NOTHING: Mapping[str, Scalar] = MappingProxyType({})
KILLED: Mapping[str, Scalar] = MappingProxyType({"killed": True})
KEYLESS: Mapping[str, Scalar] = MappingProxyType({"targetingKeyMissing": True})


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """One possible answer of a flag. Compared by identity: each is built once per compilation."""

    value: Any
    variant: str
    reason: Reason
    metadata: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)


Resolver: TypeAlias = Callable[[Context], Resolution]


class Outcome(NamedTuple):
    """What comes of a question: one answer for all where it is ``fixed``, else asked for each.

    ``resolve`` gives the same; who knows that it is fixed can spare the call.
    """

    fixed: Resolution | None
    resolve: Resolver


def answer(
    variant: VariantSpec, reason: Reason, metadata: Mapping[str, Scalar] = NOTHING
) -> Resolution:
    return Resolution(variant.value, variant.name, reason, metadata)


def always(resolution: Resolution) -> Outcome:
    """Return the outcome that is this answer for everybody."""

    def resolve(_context: Context) -> Resolution:
        return resolution

    return Outcome(resolution, resolve)


def prerequisite(key: str) -> Mapping[str, Scalar]:
    """Return the metadata of an answer that another flag keeps closed."""
    return MappingProxyType({"prerequisite": key})
