"""The plan's flag: its key read from the plan's own words, its dial and its stages.

A flag belongs to one release at a time. Where another release has it, both show the same dial; it
is left as it stands, the new plan's stages are kept as plain entries, and a finding says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flags.changing.publishing import publish
from flags.models import VARIANT_TOTAL, Flag, FlagState, Rollout, Variant
from flags.states import RolloutState
from releasecontrol.plan.entries import finding_entry, stage_entry
from releasecontrol.plan.facts import Finding, Plan
from releasecontrol.plan.keys import slug
from releasecontrol.plan.row import Rows, clip
from releasecontrol.plan.rows import entry_row
from releases.models import Environment, PlanEntry, Release

_TAKEN = "flag-is-taken"
_FRAMEWORK = r"(?:VITE_|REACT_APP_|NEXT_PUBLIC_|NUXT_PUBLIC_|EXPO_PUBLIC_|PUBLIC_)?"
_PERCENTAGE = re.compile(
    rf"^{_FRAMEWORK}(?P<name>[A-Z0-9_]+?)_(?:ROLLOUT|PERCENT)[A-Z0-9_]*$", re.ASCII
)
_SWITCH = re.compile(
    rf"^{_FRAMEWORK}(?:ENABLE|FEATURE_FLAG|FEATURE|FF)_(?P<name>[A-Z0-9_]+)$", re.ASCII
)


@dataclass(frozen=True)
class Dial:
    """Which flag a plan means, and what of it stands already."""

    key: str
    flag: Flag | None
    taken_by: Release | None
    stages_may_change: bool


def flag_key(plan: Plan, release_slug: str) -> str | None:
    """The key of the plan's flag; None where the plan speaks of no gradual rollout.

    A variable such as ``VITE_UNIVERSE_V2_ROLLOUT_PERCENTAGE`` or ``ENABLE_UNIVERSE_V2`` gives the
    name. A plan with stages and no such variable gets a flag of the release's own name.
    """
    names = [variable.name for variable in plan.variables]
    named = _first_name(_PERCENTAGE, names)
    if named is None and plan.stages:
        named = _first_name(_SWITCH, names) or release_slug
    return clip(slug(named), 100) if named else None


def look(plan: Plan, release_slug: str, release: Release | None) -> Dial | None:
    """The plan's dial as things stand; reads only."""
    key = flag_key(plan, release_slug)
    if key is None:
        return None
    flag = Flag.objects.select_related("release").filter(key=key).first()
    owner = flag.release if flag else None
    begun = (
        Rollout.objects.filter(state_of__flag__key=key, state_of__environment__is_production=True)
        .exclude(state=RolloutState.PLANNED)
        .exists()
    )
    taken_by = owner if owner != release else None
    return Dial(key, flag, taken_by, stages_may_change=not begun)


def settle(rows: Rows, plan: Plan, dial: Dial | None) -> Rows:
    """The rows as far as the dial allows: stages go to their rollout, or stay as plain entries."""
    if dial is None or (dial.taken_by is None and dial.stages_may_change):
        return rows
    settled = {name: list(wanted) for name, wanted in rows.items() if name != "stages"}
    if dial.taken_by is not None:
        behind = len(settled["entries"])
        for place, stage in enumerate(plan.stages):
            settled["entries"].append(entry_row(stage_entry(stage, behind + place)))
        finding = taken_finding(plan, dial)
        settled["entries"].append(entry_row(finding_entry(finding, _TAKEN)))
    return settled


def taken_finding(plan: Plan, dial: Dial) -> Finding:
    """What to tell a person whose plan means another release's flag."""
    message = (
        f"The flag {dial.key} belongs to the release “{dial.taken_by}”: both show the same dial,"
        " which was left alone; the stages of this plan are kept as plain entries."
    )
    return Finding(_TAKEN, message, tuple(stage.line for stage in plan.stages))


def share(dial: Dial, release: Release) -> None:
    """Let a release show the dial of a flag that another release owns."""
    if dial.flag is not None:
        dial.flag.also_in.add(release)


def was_taken(release: Release) -> bool:
    """Did the last import find the flag in another release's hands?"""
    return PlanEntry.objects.filter(release=release, kind="finding", key=_TAKEN).exists()


def ensure(dial: Dial, release: Release, environments: Iterable[Environment]) -> Rollout:
    """Make the flag with a dial at 0 % in every environment, and production's rollout.

    What stands is left as it is. Returns the rollout of production.
    """
    flag = dial.flag or _new_flag(dial.key)
    if flag.release_id is None:
        flag.release = release
        flag.save(update_fields=["release"])
        flag.also_in.remove(release)
    for environment in environments:
        state, made = FlagState.objects.get_or_create(flag=flag, environment=environment)
        if made:
            publish(environment, flags=[flag])
        if environment.is_production:
            Rollout.objects.get_or_create(state_of=state)
    return Rollout.objects.filter(
        state_of__flag=flag, state_of__environment__is_production=True
    ).earliest("state_of__environment__position")


def _new_flag(key: str) -> Flag:
    flag, made = Flag.objects.get_or_create(
        key=key, defaults={"name": key.replace("-", " ").title(), "purpose": "From the plan."}
    )
    if made:
        Variant.objects.create(flag=flag, name="on", value=True, weight=VARIANT_TOTAL, position=0)
        Variant.objects.create(flag=flag, name="off", value=False, is_off=True, position=1)
    return flag


def _first_name(pattern: re.Pattern[str], names: Iterable[str]) -> str | None:
    found = (pattern.match(name) for name in names)
    name = next((match["name"] for match in found if match), None)
    # ENABLE_X_ROLLOUT_PERCENTAGE means the flag X as well.
    return name.removeprefix("ENABLE_") if name else None
