"""What a scan of code means for each flag, kept as evidence: it is what a removal waits for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flags.lifecycle.scanning import Found, Place
from flags.models import Flag
from releases import evidence
from releases.models import Verdict


@dataclass(frozen=True)
class Standing:
    """One flag after a scan."""

    key: str
    is_archived: bool
    count: int
    places: list[Place] = field(default_factory=list)

    @property
    def asked_in_vain(self) -> bool:
        return self.is_archived and self.count > 0

    @property
    def words(self) -> str:
        if self.asked_in_vain:
            return f"archived, but named in {self.count} lines"
        if self.count:
            return f"named in {self.count} lines"
        return "archived and gone from the code" if self.is_archived else "not named in this code"


def standings(found: Found, flags: Iterable[Flag]) -> list[Standing]:
    """Return every flag with its places, by key."""
    return [
        Standing(
            flag.key,
            flag.archived_at is not None,
            found.counts.get(flag.key, 0),
            found.places.get(flag.key, []),
        )
        for flag in sorted(flags, key=lambda one: one.key)
    ]


def record(found: Found, flags: Iterable[Flag], path: str) -> None:
    """Keep what was seen with each flag: gone from the code is a pass, unread files cannot tell."""
    by_key = {flag.key: flag for flag in flags}
    for one in standings(found, by_key.values()):
        evidence.record(
            subject=by_key[one.key],
            verdict=_verdict(one, found),
            summary=f"Scan of {path}: {one.words}.",
            release=by_key[one.key].release,
            numbers={
                "scan": path,
                "lines": one.count,
                "files": found.files,
                "unread": len(found.unread),
                "places": [f"{place.path}:{place.line}" for place in one.places[:20]],
            },
        )


def _verdict(one: Standing, found: Found) -> Verdict:
    if one.count:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if found.unread or not found.files else Verdict.PASS
