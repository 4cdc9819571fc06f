"""The scripts of a release as one can choose them: in plan order, and where each stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from migrations_runner.models import AppliedScript, MigrationScript
from releases.models import Release, TargetDatabase

_Side = tuple[int, bool]
_WITH_VALUES = re.compile(r" with [0-9a-f]{8}$")


@dataclass(frozen=True)
class Standing:
    """A script on a target's ledger, as last seen; `same` says that it is this very text.

    `with_values`: it stands there with some values of its variables; with others it would be
    another application.
    """

    target: str
    same: bool
    with_values: bool

    @property
    def words(self) -> str:
        where = f"On {self.target}" if self.same else f"Another text on {self.target}"
        return f"{where}, with some values" if self.with_values else where

    @property
    def tone(self) -> str:
        return "good" if self.same else "warn"


@dataclass(frozen=True)
class Choice:
    """One script of the form."""

    script: MigrationScript
    chosen: bool
    standings: tuple[Standing, ...]

    @property
    def ready(self) -> bool:
        return bool(self.script.sha256)


def choices(release: Release, chosen: Collection[int]) -> list[Choice]:
    """Every script of a release with its state. Two queries."""
    standings = standings_of(release)
    scripts = MigrationScript.objects.filter(release=release).defer("text")
    return [
        Choice(script, script.pk in chosen, tuple(dict.fromkeys(_of(script, standings))))
        for script in scripts
    ]


def standings_of(release: Release) -> list[AppliedScript]:
    """What stands on the targets from this release: what was taken back is left out.

    As the ledger itself does it: a rollback takes back what came before it, and doing a release
    again takes back its rollback.
    """
    seen = list(AppliedScript.objects.filter(release=release).select_related("target"))
    roles = dict(MigrationScript.objects.filter(release=release).values_list("name", "role"))

    def side(applied: AppliedScript) -> bool:
        return roles.get(_name(applied)) == MigrationScript.Role.ROLLBACK

    last: dict[_Side, datetime] = {}
    for applied in seen:
        key = (applied.target_id, side(applied))
        last[key] = max(last.get(key, applied.applied_at), applied.applied_at)
    return [
        applied
        for applied in seen
        if applied.applied_at
        >= last.get((applied.target_id, not side(applied)), applied.applied_at)
    ]


def ready_and_new(listed: Iterable[Choice], target: TargetDatabase | None) -> list[int]:
    """The scripts one would choose next: here, no draft and no rollback, not on the target yet."""
    wanted = {MigrationScript.Role.SCHEMA, MigrationScript.Role.DATA}
    name = target.name if target else ""
    return [
        choice.script.pk
        for choice in listed
        if choice.ready
        and choice.script.role in wanted
        and not any(one.target == name and one.same for one in choice.standings)
    ]


def _of(script: MigrationScript, seen: Iterable[AppliedScript]) -> Iterable[Standing]:
    for applied in seen:
        if _name(applied) == script.name:
            same = applied.sha256 == script.sha256
            with_values = _WITH_VALUES.search(applied.name) is not None
            yield Standing(applied.target.name, same, with_values)


def _name(applied: AppliedScript) -> str:
    """The script's own name; the ledger keeps it behind its release and before its values."""
    return _WITH_VALUES.sub("", applied.name.partition("/")[2])
