"""Everything that the one page of a cutover shows, in a number of queries that never grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from checklists.models import Waiver
from migrations_runner.models import MigrationRun
from monitoring.models import Guardrail
from releasecontrol.board import dials, machines, moves, phases
from releasecontrol.board.dials import Dial
from releasecontrol.board.machines import Smoke
from releasecontrol.board.moves import Move, OpenSignoff
from releasecontrol.board.next_action import Facts, NextAction, choose
from releasecontrol.board.phases import Phase
from releases.models import Event, Release

EVENTS_SHOWN = 15


@dataclass(frozen=True)
class Board:
    """One release as one person sees it; what the role may not see is empty."""

    release: Release
    phases: list[Phase]
    done: int
    total: int
    next_action: NextAction
    forward: Move | None
    moves: list[Move]
    signoffs: list[OpenSignoff]
    runs: list[MigrationRun]
    missing_files: list[str]
    dials: list[Dial]
    smoke_tests: list[Smoke]
    guardrails: list[Guardrail]
    events: list[Event]

    @property
    def armed(self) -> int:
        return sum(guardrail.armed for guardrail in self.guardrails)


def assemble(release: Release, user: Any) -> Board:
    """Read the board of `release` for `user`."""
    sees_sql = user.has_perm("migrations_runner.view_migrationrun")
    parts = phases.of(release)
    done, total = phases.overall(parts)
    ways = moves.of(release)
    signoffs = moves.signoffs_for(release, _roles(user))
    runs = list(machines.runs(release)) if sees_sql else []
    missing = machines.scripts_without_text(release) if sees_sql else []
    shown_dials = dials.of([release]).get(release.pk, [])
    facts = Facts(
        release=release,
        forward=moves.forward(ways),
        item=phases.next_item(release),
        waivers=_waivers_of_others(release, user),
        signoffs=tuple(signoffs),
        runs=tuple(runs),
        missing_files=len(missing),
        dials=tuple(shown_dials),
    )
    return Board(
        release=release,
        phases=parts,
        done=done,
        total=total,
        next_action=choose(facts, user.has_perm),
        forward=facts.forward,
        moves=ways if user.has_perm("releases.move_release") else [],
        signoffs=signoffs if user.has_perm("checklists.sign_off") else [],
        runs=runs,
        missing_files=missing,
        dials=shown_dials,
        smoke_tests=machines.smoke_tests(release),
        guardrails=machines.guardrails(release),
        events=list(Event.objects.filter(release=release)[:EVENTS_SHOWN]),
    )


def _roles(user: Any) -> frozenset[str]:
    return frozenset(user.groups.values_list("name", flat=True))


def _waivers_of_others(release: Release, user: Any) -> tuple[Waiver, ...]:
    """The waivers that wait for a second person, which this user could be."""
    asked = Waiver.objects.filter(
        item__checklist__release=release,
        item__removed_at=None,
        item__state="waiving",
        withdrawn_at=None,
        confirmed_at=None,
    ).exclude(asked_by=user)
    return tuple(asked.select_related("item"))
