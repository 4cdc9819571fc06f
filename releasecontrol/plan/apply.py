"""From a parsed plan to rows, in one transaction: all of it, or nothing.

    PlanRefused
    ├── PlanDoesNotFit   (write.py)
    ├── ReleaseHasEnded
    ├── SlugRefused
    └── PlanMovedOn

A second import of the same bytes changes nothing. An edited plan is laid beside the one before and
beside what people did since (`compare.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from checklists import gates
from migrations_runner import versions
from releasecontrol.plan import dial as dials
from releasecontrol.plan import scripts as script_files
from releasecontrol.plan.compare import Changes, compare_all
from releasecontrol.plan.encoding import PlanRefused, decode
from releasecontrol.plan.facts import Plan
from releasecontrol.plan.parse import counts, parse_plan
from releasecontrol.plan.row import Rows, clip
from releasecontrol.plan.rows import rows_of
from releasecontrol.plan.scripts import Attached
from releasecontrol.plan.write import write
from releasecontrol.world import ensure_environments
from releases import timeline
from releases.models import PlanDocument, Release, slug_validator
from releases.states import RELEASE
from releases.timeline import Actor

PERMISSION = "releases.import_plan"
_OWN_ADDRESSES = frozenset({"import", "new"})  # /releases/import/, /releases/new/


class ReleaseHasEnded(PlanRefused):
    """This release has ended, so its plan stays as it was; import under another slug."""


class SlugRefused(PlanRefused):
    """This can't be the slug of a release; nothing was stored."""


class PlanMovedOn(PlanRefused):
    """Somebody imported another version since your preview; look at it again before you confirm."""


@dataclass(frozen=True)
class Applied:
    """What an import did to a release."""

    release: Release
    document: PlanDocument
    unchanged: bool
    changes: list[Changes] = field(default_factory=list)
    attached: Attached = field(default_factory=Attached)


@transaction.atomic
def apply(
    plan: Plan,
    *,
    slug: str,
    title: str,
    actor: Actor,
    filename: str,
    source_bytes: bytes,
    scripts: Mapping[str, str],
    expected: str | None = None,
) -> Applied:
    """Store a plan as the release `slug`, or bring that release up to it.

    `plan` is what `source_bytes` parse to; `title` may be empty: the plan's own. `scripts` maps
    file names to texts. `expected` is the digest of the plan that a preview was made against (empty
    for none). Raises SlugRefused, ReleaseHasEnded, PlanDoesNotFit, PlanMovedOn, NotPermitted.
    """
    actor.require(PERMISSION)
    if scripts:
        actor.require(script_files.PERMISSION)
    release = _take(slug, title or plan.title)
    newest = newest_document(release)
    digest = hashlib.sha256(source_bytes).hexdigest()
    if newest is not None and newest.sha256 == digest:
        return _only_scripts(release, newest, scripts, actor)
    if expected is not None and expected != (newest.sha256 if newest else ""):
        raise PlanMovedOn
    if release.state in RELEASE.final:
        raise ReleaseHasEnded(f"It is {release.get_state_display().lower()}.")
    last = last_plan(newest)
    changes = _store(plan, release, last)
    _follow_head(release, plan, last, title)
    document = _keep(
        plan,
        release=release,
        newest=newest,
        filename=filename,
        source=source_bytes,
        actor=actor,
    )
    attached = script_files.put(release, scripts)
    for script in release.scripts.exclude(sha256=""):
        versions.keep(script, by=actor.name)
    _record(actor, release, document, changes, attached)
    return Applied(release, document, unchanged=False, changes=changes, attached=attached)


def default_slug(plan: Plan, filename: str = "") -> str:
    """A release slug from the plan's title, else from the file's name; stable.

    >>> default_slug(Plan(title="Phase 12: Deployment & Cutover Plan", digest=""))
    'phase-12-deployment-cutover-plan'
    """
    stem = filename.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    for text in (plan.title, stem, f"release-{plan.digest[:8]}"):
        made = slugify(text)[:63].strip("-_").replace("_", "-")
        if made:
            return made
    return "release"


def require_slug(slug: str) -> None:
    """Raise SlugRefused for what can't be a slug, or is an address of our own."""
    if slug in _OWN_ADDRESSES:
        raise SlugRefused(f"“{slug}” is an address of this program.")
    try:
        slug_validator(slug)
    except ValidationError as wrong:
        raise SlugRefused(f"“{clip(slug, 80)}”: {' '.join(wrong.messages)}") from None


def newest_document(release: Release | None) -> PlanDocument | None:
    """The plan that was imported last; None for a release without one."""
    return release.plans.order_by("-version").first() if release else None


def last_plan(newest: PlanDocument | None) -> Plan | None:
    """The plan that was imported last, read again from its own bytes."""
    if newest is None:
        return None
    try:
        return parse_plan(bytes(newest.source))
    except PlanRefused:  # an older, more lenient version of this program took it
        return None


def differences(
    plan: Plan, *, last: Plan | None, release: Release | None, dial: dials.Dial | None
) -> list[Changes]:
    """What an import of `plan` would change after the plan `last`; reads only."""
    wanted = dials.settle(rows_of(plan), plan, dial)
    return compare_all(wanted, release, _last_rows(last, release, dial))


def _last_rows(last: Plan | None, release: Release | None, dial: dials.Dial | None) -> Rows:
    """What the last plan asked for, and where its stages went."""
    if last is None or release is None:
        return {}
    rows = rows_of(last)
    if dial is not None and dials.was_taken(release):
        return dials.settle(rows, last, replace(dial, taken_by=release))
    return rows


def _take(slug: str, title: str) -> Release:
    """The release, its row locked: two imports of one slug go one after the other."""
    require_slug(slug)
    Release.objects.get_or_create(slug=slug, defaults={"title": clip(title or slug, 200)})
    return Release.objects.select_for_update(of=("self",), no_key=True).get(slug=slug)


def _only_scripts(
    release: Release, newest: PlanDocument, scripts: Mapping[str, str], actor: Actor
) -> Applied:
    if not scripts:
        return Applied(release, newest, unchanged=True)
    done = script_files.attach(release=release, files=scripts, actor=actor)
    return Applied(release, newest, unchanged=not done.names, attached=done)


def _store(plan: Plan, release: Release, last: Plan | None) -> list[Changes]:
    environments = ensure_environments()
    dial = dials.look(plan, release.slug, release)
    rollout = None
    if dial is not None and dial.taken_by is None:
        rollout = dials.ensure(dial, release, environments.values())
    elif dial is not None:
        dials.share(dial, release)
    changes = differences(plan, last=last, release=release, dial=dial)
    write(changes, release, rollout)
    gates.ensure(release)
    return changes


def _follow_head(release: Release, plan: Plan, last: Plan | None, title: str) -> None:
    """Title, summary and branch follow the plan as long as no person changed them."""
    before = _head(last) if last else dict.fromkeys(_head(plan), "")
    changed = {
        name: wanted
        for name, wanted in _head(plan).items()
        if wanted and wanted != before[name] and getattr(release, name) in {"", before[name]}
    }
    if title and title != release.title:
        changed["title"] = clip(title, 200)
    if changed:
        for name, value in changed.items():
            setattr(release, name, value)
        release.full_clean(exclude=["driver"])
        release.save(update_fields=list(changed))


def _head(plan: Plan) -> dict[str, str]:
    return {
        "title": clip(plan.title, 200),
        "summary": plan.target,
        "git_ref": clip(plan.git_ref, 200),
    }


def _keep(
    plan: Plan,
    *,
    release: Release,
    newest: PlanDocument | None,
    filename: str,
    source: bytes,
    actor: Actor,
) -> PlanDocument:
    return PlanDocument.objects.create(
        release=release,
        version=newest.version + 1 if newest else 1,
        filename=clip(filename, 200),
        source=source,
        text=decode(source).text,
        sha256=hashlib.sha256(source).hexdigest(),
        repaired_lines=list(plan.repaired_lines),
        lines=[
            {"line": line.line, "kind": line.kind, "ref": line.ref, "text": line.text}
            for line in plan.lines
        ],
        counts=counts(plan),
        imported_by=actor.name[:150],
    )


def _record(
    actor: Actor,
    release: Release,
    document: PlanDocument,
    changes: list[Changes],
    attached: Attached,
) -> None:
    data: dict[str, Any] = {
        "version": document.version,
        "sha256": document.sha256,
        "counts": document.counts,
        "difference": summary(changes),
        "attached": attached.names,
    }
    timeline.record(
        actor=actor, verb="release.import_plan", subject=release, release=release, data=data
    )


def summary(changes: list[Changes]) -> dict[str, dict[str, int]]:
    """How many rows of each table were added, changed and removed; quiet tables are left out."""
    return {
        table.kind.name: {
            "added": len(table.added),
            "changed": len(table.news),
            "removed": len(table.removed),
        }
        for table in changes
        if table
    }
