"""A release without a plan: from a template of phases, or with nothing in it yet."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from checklists import templates
from releasecontrol.plan.apply import require_slug
from releasecontrol.plan.row import clip
from releasecontrol.world import ensure_environments
from releases import timeline
from releases.models import Release
from releases.refusals import Refused
from releases.timeline import Actor

PERMISSION = "releases.add_release"


class ReleaseExists(Refused):
    """A release of this slug exists already; nothing was created."""


class UnknownTemplate(Refused):
    """There is no such template; nothing was created."""


@transaction.atomic
def create(*, slug: str, title: str, template: str, actor: Actor) -> Release:
    """Make a draft release. Raises SlugRefused, ReleaseExists, UnknownTemplate, NotPermitted."""
    actor.require(PERMISSION)
    require_slug(slug)
    if template not in templates.TEMPLATES:
        raise UnknownTemplate(f"Choose one of: {', '.join(templates.TEMPLATES)}.")
    ensure_environments()
    release = Release(slug=slug, title=clip(title.strip() or slug, 200))
    release.full_clean(validate_unique=False)
    try:
        with transaction.atomic():
            release.save(force_insert=True)
    except IntegrityError:
        raise ReleaseExists(f"It is called {slug}.") from None
    templates.apply(release=release, template=template)
    timeline.record(
        actor=actor,
        verb="release.create",
        subject=release,
        release=release,
        data={"template": template},
    )
    return release
