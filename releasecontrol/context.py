"""What every page knows: the signed-in person's role, and whether this is the example."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from releasecontrol import people


def console(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    return {
        "is_example": settings.EXAMPLE,
        # Lazily: a page that does not show the role pays no query for it.
        "role": SimpleLazyObject(lambda: people.role_of(user) if user is not None else None),
    }
