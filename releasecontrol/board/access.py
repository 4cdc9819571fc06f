"""What every view of the console does first: who is asking, may they, and refusals in words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from releases.refusals import NotPermitted, Refused

View = Callable[..., HttpResponse]


def needs(permission: str) -> Callable[[View], View]:
    """Let a view be reached only with `permission`, and show what it refuses.

    A part of a page that is fetched without a session answers 401, never the login page: that
    would be put into the middle of the board.
    """

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _sign_in(request)
            if not request.user.has_perm(permission):
                return _not_for_this_role(request)
            try:
                return view(request, *args, **kwargs)
            except Refused as refused:
                return refusal(request, refused)

        return guarded

    return wrap


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A refusal as a page, or as a part of one: 403 where the role is why, otherwise 409."""
    status = 403 if isinstance(refused, NotPermitted) else 409
    name = "components/refusal.html" if is_part(request) else "console/refused.html"
    return render(request, name, {"refusal": refused}, status=status)


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def _not_for_this_role(request: HttpRequest) -> HttpResponse:
    if is_part(request):
        return refusal(request, NotPermitted())
    raise PermissionDenied


def _sign_in(request: HttpRequest) -> HttpResponse:
    if is_part(request):
        return HttpResponse("Signed out.", status=401)
    return redirect_to_login(request.get_full_path())
