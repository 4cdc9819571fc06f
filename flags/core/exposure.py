"""Could a change let somebody in who was not in before? Pure.

Taking a feature away must always be possible, so closing asks neither gates nor approvals; what
this module calls growing does. It errs on that side: what it cannot prove to be taking away grows.
"""

from __future__ import annotations

from dataclasses import replace

from flags.core.specs import FlagSpec, OverrideSpec, RuleSpec


def lets_anybody_in(flag: FlagSpec) -> bool:
    """Say whether anybody at all may be exposed to a flag.

    >>> flag = FlagSpec("x", "x", True, False, dial=0, off_variant="off", variants=())
    >>> lets_anybody_in(flag), lets_anybody_in(replace(flag, dial=1))
    (False, True)
    """
    if flag.killed or not flag.enabled:
        return False
    return bool(
        flag.dial
        or any(_opens(flag, rule.variant) for rule in flag.rules)
        or any(_opens(flag, override.variant) for override in flag.overrides)
    )


def grows(before: FlagSpec | None, after: FlagSpec | None) -> bool:
    """Say whether `after` may expose somebody whom `before` did not, or give new answers.

    None stands for no flag at all.

    >>> flag = FlagSpec("x", "x", True, False, dial=5, off_variant="off", variants=())
    >>> grows(flag, replace(flag, dial=6)), grows(flag, replace(flag, dial=4)), grows(None, flag)
    (True, False, True)
    """
    if after is None or not lets_anybody_in(after):
        return False
    if before is None or not lets_anybody_in(before):
        return True
    return not (
        _same_answers(before, after)
        and after.dial <= before.dial
        and set(before.requires) <= set(after.requires)
        and _overrides_shrink(before, after)
        and _rules_shrink(before, after)
    )


def _opens(flag: FlagSpec, variant: str | None) -> bool:
    return variant != flag.off_variant


def _same_answers(before: FlagSpec, after: FlagSpec) -> bool:
    rest = {"dial": 0, "requires": (), "overrides": (), "rules": ()}
    return replace(before, **rest) == replace(after, **rest)  # type: ignore[arg-type]


def _overrides_shrink(before: FlagSpec, after: FlagSpec) -> bool:
    closing = {one for one in before.overrides if not _opens(before, one.variant)}
    known = {one.key: one for one in before.overrides if _opens(before, one.variant)}
    opening = [one for one in after.overrides if _opens(after, one.variant)]
    return closing <= set(after.overrides) and all(
        one.key in known and _ends_no_later(one, known[one.key]) for one in opening
    )


def _ends_no_later(one: OverrideSpec, than: OverrideSpec) -> bool:
    if one.variant != than.variant:
        return False
    return than.until is None or (one.until is not None and one.until <= than.until)


def _rules_shrink(before: FlagSpec, after: FlagSpec) -> bool:
    """Rules that let in are left out or made narrower; rules that keep out all stay, in front."""
    closing = [rule for rule in before.rules if not _opens(before, rule.variant)]
    if closing and before.rules != after.rules[-len(before.rules) :]:
        return False  # who is kept out depends on the order; only putting more in front is safe
    left = iter(before.rules)
    opening = (rule for rule in after.rules if _opens(after, rule.variant))
    return all(any(_no_wider(rule, one) for one in left) for rule in opening)


def _no_wider(rule: RuleSpec, than: RuleSpec) -> bool:
    same = replace(rule, percentage=0, name="") == replace(than, percentage=0, name="")
    return same and rule.percentage <= than.percentage
