"""Conditions → predicates: everything about a condition is settled once, asking is a look-up. Pure.

An attribute that is missing fits no value, so only a negated condition holds for it. A condition
whose values can't be read (a version that is none) never holds, negated or not: saving refuses
such values, and a rule that nobody understands must not let anybody in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import Any, TypeAlias

from flags.core.attributes import Context, clock_moment, moment_of, number_of, text_of, version_of
from flags.core.specs import ConditionSpec, Operator

Predicate: TypeAlias = Callable[[Context], bool]
Clock: TypeAlias = Callable[[], float]
"""Gives seconds since 1970."""

NOW = "currentTime"
"""The attribute that is the clock's time where a context does not give another, as in Unleash."""

_EPSILON = 2.0**-52
"""How near two numbers count as equal: what Unleash's engine takes, so 0.1 + 0.2 equals 0.3."""


def predicate(condition: ConditionSpec, clock: Clock = time.time) -> Predicate:
    """Return the function that says whether a context fulfils a condition. It never raises.

    >>> german = predicate(ConditionSpec("country", Operator.IN, ("DE", "AT")))
    >>> german({"country": "DE"}), german({"country": "FR"}), german({})
    (True, False, False)
    """
    attribute, operator, negate = condition.attribute, condition.operator, condition.negate
    if operator is Operator.IN:
        return _one_of(attribute, frozenset(condition.values), negate=negate)
    if not condition.values:
        return never
    if operator in _TEXTS:
        return _read(attribute, _text_fits(condition), negate=negate)
    compares, reader = _comparing(condition), _READERS[operator]
    if compares is None:
        return never
    fits = partial(_read_and_compared, compares, reader)
    if attribute == NOW and reader is moment_of:
        return _timed(compares, fits, clock, negate=negate)
    return _read(attribute, fits, negate=negate)


def never(_context: Context) -> bool:
    """The predicate that holds for nobody."""
    return False


def all_of(predicates: Sequence[Predicate]) -> Predicate:
    """Return the predicate that holds where all of these do; of none, it always holds."""
    if not predicates:
        return _always
    if len(predicates) == 1:
        return predicates[0]
    first, second, *rest = predicates
    if not rest:
        return lambda context: first(context) and second(context)
    several = tuple(predicates)

    def all_hold(context: Context) -> bool:
        for holds in several:  # noqa: SIM110  (a generator costs more than the comparisons)
            if not holds(context):
                return False
        return True

    return all_hold


def conjunction(conditions: Sequence[ConditionSpec], clock: Clock = time.time) -> Predicate:
    """Return the predicate that holds where all conditions do."""
    pair = look_ups(conditions)
    return both(*pair) if pair else all_of([predicate(one, clock) for one in conditions])


def look_ups(
    conditions: Sequence[ConditionSpec],
) -> tuple[str, frozenset[str], str, frozenset[str]] | None:
    """Return attributes and values of exactly two plain look-ups, else None.

    "In these countries, on these plans" is what many rules say, and a call costs as much as asking,
    so these two are asked together.
    """
    if len(conditions) != 2:  # noqa: PLR2004  (a pair)
        return None
    one, other = conditions
    if any(each.operator is not Operator.IN or each.negate for each in conditions):
        return None
    return one.attribute, frozenset(one.values), other.attribute, frozenset(other.values)


def both(
    attribute: str, values: frozenset[str], other: str, other_values: frozenset[str]
) -> Predicate:
    """Return the predicate that two attributes have one of their values each."""

    def are_both(context: Context) -> bool:
        value = context.get(attribute)
        if (value if type(value) is str else text_of(value)) not in values:
            return False
        value = context.get(other)
        return (value if type(value) is str else text_of(value)) in other_values

    return are_both


def readable(operator: Operator, value: str) -> bool:
    """Say whether a value means something to an operator.

    >>> readable(Operator.SEMVER_GT, "1.2"), readable(Operator.NUM_GT, "1.2")
    (False, True)
    """
    read = _READERS.get(operator)
    return read is None or read(value) is not None


def _one_of(attribute: str, values: frozenset[str], *, negate: bool) -> Predicate:
    def is_one(context: Context) -> bool:
        value = context.get(attribute)
        return value in values if type(value) is str else text_of(value) in values

    def is_none(context: Context) -> bool:
        value = context.get(attribute)
        return value not in values if type(value) is str else text_of(value) not in values

    return is_none if negate else is_one


Fits: TypeAlias = Callable[[str], bool]
Compares: TypeAlias = Callable[[Any], bool]


def _read(attribute: str, fits: Fits, *, negate: bool) -> Predicate:
    def holds(context: Context) -> bool:
        text = text_of(context.get(attribute))
        return (text is not None and fits(text)) is not negate

    return holds


def _timed(compares: Compares, fits: Fits, clock: Clock, *, negate: bool) -> Predicate:
    def holds(context: Context) -> bool:
        text = text_of(context.get(NOW))
        fit = compares(clock_moment(clock())) if text is None else fits(text)
        return fit is not negate

    return holds


def _always(_context: Context) -> bool:
    return True


# --- What fits ----------------------------------------------------------------------------------
def _comparing(condition: ConditionSpec) -> Compares | None:
    """Return what says whether a number, date or version fits any value; None: they are none."""
    reader, comparison = _READERS[condition.operator], _COMPARISONS[condition.operator]
    limits = [reader(value) for value in condition.values]
    return None if None in limits else partial(_any_compares, comparison, limits)


def _any_compares(comparison: Callable[[Any, Any], bool], limits: list[Any], value: Any) -> bool:
    return any(comparison(value, limit) for limit in limits)


def _read_and_compared(compares: Compares, reader: Callable[[str], Any], text: str) -> bool:
    value = reader(text)
    return value is not None and compares(value)


def _text_fits(condition: ConditionSpec) -> Fits:
    fit_any = _TEXTS[condition.operator]
    if not condition.fold_case:
        return fit_any(condition.values)
    fits = fit_any(tuple(value.lower() for value in condition.values))
    return lambda text: fits(text.lower())


def _contains(values: tuple[str, ...]) -> Fits:
    return lambda text: any(value in text for value in values)


def _starts_with(values: tuple[str, ...]) -> Fits:
    return lambda text: text.startswith(values)


def _ends_with(values: tuple[str, ...]) -> Fits:
    return lambda text: text.endswith(values)


def _nearly_equal(one: float, other: float) -> bool:
    return abs(one - other) < _EPSILON


_TEXTS: dict[Operator, Callable[[tuple[str, ...]], Fits]] = {
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: _starts_with,
    Operator.ENDS_WITH: _ends_with,
}
_READERS: dict[Operator, Callable[[str], Any]] = {
    **dict.fromkeys((o for o in Operator if o.value.startswith("num_")), number_of),
    Operator.DATE_AFTER: moment_of,
    Operator.DATE_BEFORE: moment_of,
    **dict.fromkeys((o for o in Operator if o.value.startswith("semver_")), version_of),
}
_COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.NUM_EQ: _nearly_equal,
    Operator.NUM_GT: gt,
    Operator.NUM_GTE: ge,
    Operator.NUM_LT: lt,
    Operator.NUM_LTE: le,
    Operator.DATE_AFTER: gt,
    Operator.DATE_BEFORE: lt,
    Operator.SEMVER_EQ: eq,
    Operator.SEMVER_GT: gt,
    Operator.SEMVER_LT: lt,
}
