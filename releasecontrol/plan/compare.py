"""A newly read plan beside what is stored: what would be added, changed, removed, kept.

Three texts are laid side by side for each field: what the last plan said, what the new one says,
and what stands. Where the plan did not move, a person's edit stands; where both moved, the
person's edit stands too and is shown as a conflict. Nothing here writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from releasecontrol.plan.keys import slug
from releasecontrol.plan.kinds import KINDS, Kind
from releasecontrol.plan.row import Row, Rows
from releases.models import Release

#: Where a fact stands is no news to anybody: it is stored, but not shown as a difference.
SILENT = frozenset({"position", "source_line", "key"})
_PLACES = frozenset({"line", "lines"})


@dataclass(frozen=True, slots=True)
class Change:
    """A stored row whose `values` follow the plan; `before` is what those fields said."""

    stored: Any
    row: Row
    values: Mapping[str, Any]

    before: Mapping[str, Any]

    @property
    def news(self) -> list[str]:
        """The fields in which more differs than a place in the document."""
        return [
            name
            for name, value in self.values.items()
            if name not in SILENT and _placeless(value) != _placeless(self.before[name])
        ]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that the plan and a person both changed; the person's value stands."""

    stored: Any
    row: Row
    field: str


@dataclass(slots=True)
class Changes:
    """What one table needs. `kept`: gone from the plan, but people or history hold on to it."""

    kind: Kind
    added: list[Row] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def news(self) -> list[Change]:
        return [change for change in self.changed if change.news]

    def __bool__(self) -> bool:
        return bool(self.added or self.news or self.removed or self.kept or self.conflicts)


def compare_all(wanted: Rows, release: Release | None, before: Rows) -> list[Changes]:
    """The changes of every table. `before` holds the rows of the plan that was imported last."""
    return [
        compare(kind, rows, release, {row.key: row for row in before.get(name, [])})
        for name, rows in wanted.items()
        for kind in [KINDS[name]]
    ]


def compare(
    kind: Kind, rows: Iterable[Row], release: Release | None, before: Mapping[str, Row]
) -> Changes:
    """What one table of the release needs so that it says what `rows` say."""
    changes = Changes(kind)
    stored = {kind.key(one): one for one in kind.stored(release)} if release else {}
    for row in rows:
        one = stored.pop(row.key, None)
        if one is None:
            changes.added.append(row)
        else:
            _note_change(changes, one, row, before.get(row.key))
    gone = [one for one in stored.values() if not getattr(one, "removed_at", None)]
    _note_gone(changes, _note_moved(changes, gone, before), before)
    return changes


def _note_change(changes: Changes, one: Any, row: Row, before: Row | None) -> None:
    values, was = {}, {}
    for name, wanted in row.fields.items():
        stands = changes.kind.read(one, name)
        last = before.fields.get(name) if before else None
        if stands == wanted or (before and last == wanted):
            continue
        if before and stands != last and name not in SILENT:
            changes.conflicts.append(Conflict(one, row, name))
        else:
            values[name], was[name] = wanted, stands
    if values:
        changes.changed.append(Change(one, row, values, was))


def _placeless(value: Any) -> Any:
    """A value without the source lines inside it."""
    if isinstance(value, dict):
        return {key: _placeless(one) for key, one in value.items() if key not in _PLACES}
    if isinstance(value, list):
        return [_placeless(one) for one in value]
    return value


def _note_moved(changes: Changes, gone: list[Any], before: Mapping[str, Row]) -> list[Any]:
    """Rows whose words stand under another heading now keep their place, and so their ticks.

    Only where the words are unique on both sides: a guess could carry a tick to the wrong line.
    Returns the rows that really are gone.
    """
    kind = changes.kind
    old = _by_words((kind.key(one), [kind.read(one, name) for name in kind.words]) for one in gone)
    new = _by_words((row.key, [row.fields[name] for name in kind.words]) for row in changes.added)
    rows = {row.key: row for row in changes.added}
    ones = {kind.key(one): one for one in gone}
    for words in sorted(old.keys() & new.keys()):
        if len(old[words]) == len(new[words]) == 1:
            row, was = rows.pop(new[words][0]), old[words][0]
            _note_change(changes, ones.pop(was), row, before.get(was))
    changes.added = list(rows.values())
    return list(ones.values())


def _by_words(pairs: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """Words → the keys of the rows that say them; what says nothing is left out."""
    found = defaultdict(list)
    for key, texts in pairs:
        if words := slug(" ".join(texts)):
            found[words].append(key)
    return found


def _note_gone(changes: Changes, gone: list[Any], before: Mapping[str, Row]) -> None:
    """Rows that a person added by hand were never in a plan: they are nobody's loss here."""
    for one in gone:
        last = before.get(changes.kind.key(one))
        if last is None:
            continue
        if changes.kind.name == "items" or changes.kind.may_go(one, last):
            changes.removed.append(one)
        else:
            changes.kept.append(one)
