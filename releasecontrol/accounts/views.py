"""Signing in and out, being somebody of the example, inviting and being invited."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, views
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from releasecontrol import people
from releasecontrol.accounts import example
from releasecontrol.accounts.forms import InviteForm
from releases import timeline
from releases.refusals import Refused
from releases.timeline import Actor


class Login(views.LoginView):
    """One page for every role.

    Somebody who is signed in already and was sent here lacks a permission: he is told so instead
    of being sent round in a circle.
    """

    template_name = "console/login.html"
    authentication_form = AuthenticationForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["people"] = example.people_to_be()
        context["turned_away"] = self.request.user.is_authenticated
        return context


@require_POST
def be_example(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the example people; there is no such address outside the example."""
    if not settings.EXAMPLE:
        raise Http404
    try:
        user = example.user_of(request.POST.get("username", ""))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("login")
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(_safe_next(request) or "front")


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else ""


@login_required
def front(request: HttpRequest) -> HttpResponse:
    """To where this role's day begins: the releases, or the status pages."""
    if request.user.has_perm("releases.view_release"):
        return redirect("releases")
    if request.user.has_perm("releases.view_status"):
        return redirect("status-index")
    return render(request, "console/no_role.html", status=403)


@never_cache
@login_required
@permission_required("releases.invite_person", raise_exception=True)
def invite(request: HttpRequest) -> HttpResponse:
    """Invite a colleague; the link is shown on the answer to this one POST and never again."""
    form = InviteForm(request.POST or None)
    if form.is_valid():
        try:
            invited, path = people.invite(**form.cleaned_data, actor=Actor.person(request.user))
        except Refused as refused:
            form.add_error("username", refused.message)
        except ValidationError as invalid:
            form.add_error(None, ValidationError(invalid.messages))
        else:
            return _show_link(request, invited, path)
    return render(
        request, "console/invite.html", {"form": form}, status=422 if form.errors else 200
    )


def _show_link(request: HttpRequest, invited: User, path: str) -> HttpResponse:
    context = {
        "invited": invited,
        "link": request.build_absolute_uri(path),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    return render(request, "console/invited.html", context)


class AcceptInvitation(views.PasswordResetConfirmView):
    """The invited person sets a password and is signed in.

    Django's view keeps the token out of the address while the form is shown.
    """

    template_name = "console/accept.html"
    post_reset_login = True
    success_url = reverse_lazy("front")

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        invited: User = form.user
        timeline.record(actor=Actor.person(invited), verb="person.join", subject=invited)
        return super().form_valid(form)
