"""The schema that a rehearsal found at each script of its run."""

from __future__ import annotations

from migrations_runner import fingerprints
from migrations_runner.fingerprints import Fingerprint
from migrations_runner.models import Rehearsal, RehearsedScript


def found_at(rehearsal: Rehearsal, position: int) -> Fingerprint | None:
    """What the target's schema will be before the script at `position`; None if never reached."""
    first = rehearsal.scripts.filter(position=0).first()
    here = rehearsal.scripts.filter(position=position).first()
    if first is None or here is None:
        return None
    return _patched(first, here)


def digests(rehearsal: Rehearsal, scripts: int) -> list[str]:
    """The digest at each of the first `scripts` scripts."""
    found = rehearsal.scripts.filter(position__lt=scripts).order_by("position")
    return list(found.values_list("fingerprint_before", flat=True))


def _patched(first: RehearsedScript, here: RehearsedScript) -> Fingerprint:
    if here.position == 0:
        return Fingerprint.of(first.parts_before)
    return fingerprints.patched(first.parts_before, here.parts_before)
