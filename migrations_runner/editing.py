"""Writing a script by hand: only text that can be read is kept, and every edit is told.

Refused
└── ScriptIsFinal
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max, Q

from migrations_runner import versions
from migrations_runner.linted import Shown, findings_of
from migrations_runner.models import AppliedScript, MigrationScript
from migrations_runner.parsing import check
from releases import timeline
from releases.models import Release
from releases.refusals import Refused
from releases.states import RELEASE
from releases.timeline import Actor


class ScriptIsFinal(Refused):
    """This release has ended; its scripts stay as they were."""


def faults(text: str) -> list[str]:
    """What keeps a text from being run, with line and column; a text that is missing has none.

    Values of variables are not known yet, so they are no fault.

    >>> faults("SELECT 1 FORM t"), faults("")
    (['Line 1, column 15: syntax error at or near "t"'], [])
    """
    if not text:
        return []
    return [
        f"Line {problem.line}, column {problem.column}: {problem.message}"
        for problem in check(text).problems
    ]


def require_open(release: Release) -> None:
    """Raises ScriptIsFinal."""
    if release.state in RELEASE.final:
        raise ScriptIsFinal(f"It is {release.get_state_display().lower()}.")


def standing_elsewhere(script: MigrationScript) -> list[str]:
    """The targets on which this script stands with another text than it has now."""
    name = f"{script.release.slug}/{script.name}"
    applied = AppliedScript.objects.filter(Q(name=name) | Q(name__startswith=f"{name} with "))
    other = applied.exclude(sha256=script.sha256)
    return sorted(set(other.values_list("target__name", flat=True)))


@transaction.atomic
def save(*, script: MigrationScript, actor: Actor, created: bool) -> list[Shown]:
    """Keep a script that was filled in, and answer what lint says of it, which refuses nothing.

    Raises ScriptIsFinal, NotPermitted, ValidationError.
    """
    actor.require(f"migrations_runner.{'add' if created else 'change'}_migrationscript")
    release = Release.objects.select_for_update(of=("self",), no_key=True).get(pk=script.release_id)
    require_open(release)
    if created and not script.position:
        last = release.scripts.aggregate(last=Max("position"))["last"]
        script.position = 0 if last is None else last + 1
    script.full_clean()
    script.save()
    versions.keep(script, by=actor.name)
    timeline.record(
        actor=actor,
        verb="script.create" if created else "script.edit",
        subject=script,
        release=release,
        data={"sha256": script.sha256},
    )
    return findings_of(script)
