"""How a rule looked at somebody: each condition with its verdict, and what was missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flags.core.attributes import Context, text_of
from flags.core.bucketing import EVERYBODY
from flags.core.differences import condition_in_words
from flags.core.operators import NOW, Clock, predicate
from flags.core.percent import format_percent
from flags.core.specs import ConditionSpec, Operator, RuleSpec, SegmentSpec

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that a rule asks: in words, whether it holds, what was found, what would do."""

    asked: str
    holds: bool
    found: str
    wish: str


@dataclass(frozen=True, slots=True)
class RuleLook:
    """A rule that was asked. ``place`` is the user's, where the rule takes only a share."""

    number: int
    name: str
    matched: bool
    percentage: int
    place: int | None
    verdicts: tuple[Verdict, ...]


def looked_at(
    number: int,
    rule: RuleSpec,
    *,
    segments: Mapping[str, SegmentSpec],
    context: Context,
    place: int | None,
    clock: Clock,
) -> RuleLook:
    """Return how a rule, the `number`-th, looks at a context whose place on the line is given."""
    verdicts = [_condition(one, context, clock) for one in rule.conditions]
    verdicts += [_segment(key, segments, context, clock) for key in rule.segments]
    if rule.percentage < EVERYBODY:
        verdicts.append(_share(rule.percentage, place))
    return RuleLook(
        number=number,
        name=rule.name,
        matched=all(verdict.holds for verdict in verdicts),
        percentage=rule.percentage,
        place=place if rule.percentage < EVERYBODY else None,
        verdicts=tuple(verdicts),
    )


def missing(rules: Iterable[RuleLook]) -> list[str]:
    """Say of each rule that passed somebody over what it would have needed."""
    return [
        f"Rule {rule.number} “{rule.name}” would match if "
        + " and ".join(verdict.wish for verdict in rule.verdicts if not verdict.holds)
        + "."
        for rule in rules
        if not rule.matched
    ]


def _condition(condition: ConditionSpec, context: Context, clock: Clock) -> Verdict:
    return Verdict(
        asked=condition_in_words(condition),
        holds=predicate(condition, clock)(context),
        found=_found(condition.attribute, context),
        wish=_wish(condition),
    )


def _segment(
    key: str, segments: Mapping[str, SegmentSpec], context: Context, clock: Clock
) -> Verdict:
    asked = f"in the segment “{key}”"
    if key not in segments:
        return Verdict(
            asked, holds=False, found="there is no such segment", wish=f"“{key}” existed"
        )
    looks = [_condition(one, context, clock) for one in segments[key].conditions]
    failed = [look for look in looks if not look.holds]
    return Verdict(
        asked=asked,
        holds=not failed,
        found="; ".join(look.found for look in (failed or looks)) or "the segment is everybody",
        wish=" and ".join(look.wish for look in failed),
    )


def _share(percentage: int, place: int | None) -> Verdict:
    asked = f"among the first {format_percent(percentage)} % on the line"
    if place is None:
        wish = "it were for 100 %, or the user had a place on the line"
        return Verdict(asked, holds=False, found="no place on the line", wish=wish)
    return Verdict(
        asked=asked,
        holds=place < percentage,
        found=f"stands at {format_percent(place)} %",
        wish=f"it were for {format_percent(place + 1)} % or more",
    )


def _found(attribute: str, context: Context) -> str:
    text = text_of(context.get(attribute))
    if text is None:
        return f"{attribute} is {'the time of asking' if attribute == NOW else 'missing'}"
    return f"{attribute} is “{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}”"


def _wish(condition: ConditionSpec) -> str:
    words = condition_in_words(condition)
    if condition.operator is not Operator.IN:
        return words
    return words.replace(f"{condition.attribute} is", f"{condition.attribute} were", 1)
