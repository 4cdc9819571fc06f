"""Every text that a script ever had. Written with each save, never changed.

The ledger of a target knows only a digest; whoever has to explain at night what stands there needs
the text behind it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from migrations_runner.models import MigrationScript, ScriptVersion

_AROUND = 3


@dataclass(frozen=True)
class Line:
    """One line of a comparison. `sign` is ``+``, ``-``, a blank, or ``…`` for lines left out."""

    sign: str
    before: int | None
    after: int | None
    text: str


@transaction.atomic
def keep(script: MigrationScript, *, by: str) -> ScriptVersion | None:
    """Keep a script's present text as its newest version; None if that is the newest already."""
    if not script.sha256:
        return None
    # The script's row is the lock: two savers at once get two numbers.
    MigrationScript.objects.select_for_update(of=("self",), no_key=True).only("pk").get(
        pk=script.pk
    )
    newest = script.versions.first()
    if newest is not None and newest.sha256 == script.sha256:
        return None
    last = script.versions.aggregate(last=Max("number"))["last"] or 0
    return ScriptVersion.objects.create(
        script=script, number=last + 1, text=script.text, sha256=script.sha256, saved_by=by
    )


def compare(before: str, after: str) -> list[Line]:
    r"""What changed between two texts, with three lines around each change.

    >>> [(line.sign, line.text) for line in compare("a\nb\nc", "a\nx\nc")]
    [(' ', 'a'), ('-', 'b'), ('+', 'x'), (' ', 'c')]
    >>> compare("a", "a")
    []
    """
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines: list[Line] = []
    for place, group in enumerate(matcher.get_grouped_opcodes(_AROUND)):
        if place:
            lines.append(Line("…", None, None, ""))
        for code in group:
            lines += _lines(code, old, new)
    return lines


def _lines(code: tuple[str, int, int, int, int], old: list[str], new: list[str]) -> Iterator[Line]:
    kind, old_from, old_to, new_from, new_to = code
    if kind == "equal":
        for step in range(old_to - old_from):
            at, to = old_from + step, new_from + step
            yield Line(" ", at + 1, to + 1, old[at])
        return
    for at in range(old_from, old_to):
        yield Line("-", at + 1, None, old[at])
    for to in range(new_from, new_to):
        yield Line("+", None, to + 1, new[to])
