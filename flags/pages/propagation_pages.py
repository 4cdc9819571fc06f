"""How far a revision has come, as the part of a flag's page that is asked for again and again."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from flags.models import FlagState
from flags.serving import propagation


@require_safe
@never_cache
def standing(request: HttpRequest, pk: int) -> HttpResponse:
    """Only what changes: the sentence and the stragglers."""
    if not request.user.has_perm("flags.view_flagstate"):
        raise PermissionDenied
    state = get_object_or_404(FlagState.objects.select_related("environment"), pk=pk)
    facts = {"standing": propagation.standing(state.environment)}
    return render(request, "flags/_propagation_standing.html", facts)


VIEWS: dict[str, Callable[..., HttpResponse]] = {"propagation": standing}
