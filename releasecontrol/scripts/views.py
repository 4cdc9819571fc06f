"""Pages of one script: its text with the findings beside, the editor, what changed between two."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from migrations_runner import editing, linted, versions
from migrations_runner.models import MigrationScript, ScriptVersion
from releasecontrol.board.access import needs
from releasecontrol.scripts import showing
from releasecontrol.scripts.forms import AllowForm, ScriptForm
from releases.refusals import Refused
from releases.timeline import Actor

VIEW = "migrations_runner.view_migrationscript"
CHANGE = "migrations_runner.change_migrationscript"


@never_cache
@require_safe
@needs(VIEW)
def script(request: HttpRequest, pk: int) -> HttpResponse:
    """The text by line, what was found in it, how it runs, where it stands, its versions."""
    found = _script(pk)
    target = showing.target_for(request.GET.get("target", ""))
    page = showing.show(found, target)
    return render(request, "scripts/script.html", _context(found, page=page))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(CHANGE)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change the text or how it runs; a text that can't be read comes back with its faults."""
    found = _script(pk)
    editing.require_open(found.release)
    form = ScriptForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        editing.save(script=form.instance, actor=Actor.person(request.user), created=False)
        _say_saved(request, found)
        return redirect("script", pk)
    return render(request, "scripts/edit.html", _context(found, form=form))


@never_cache
@require_POST
@needs(CHANGE)
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """What would be found in a text that is not saved yet: a part of the editor."""
    found = _script(pk)
    found.text = request.POST.get("text", "").replace("\r\n", "\n")
    faults = editing.faults(found.text)
    target = showing.target_for("")
    findings = () if faults else showing.found_in(found, target)
    context = {"faults": faults, "findings": findings, "script": found}
    return render(request, "scripts/findings.html", context)


@require_safe
@needs(VIEW)
def comparison(request: HttpRequest, pk: int, before: int, after: int) -> HttpResponse:
    """What changed between two versions of a text."""
    found = _script(pk)
    old, new = (get_object_or_404(ScriptVersion, script=found, number=n) for n in (before, after))
    lines = versions.compare(old.text, new.text)
    return render(
        request, "scripts/comparison.html", _context(found, before=old, after=new, lines=lines)
    )


@require_POST
@needs(CHANGE)
def allow(request: HttpRequest, pk: int) -> HttpResponse:
    """Allow a rule here, with a reason; or take the allowance back."""
    found = _script(pk)
    form = AllowForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was allowed: say why it is right here.")
        return redirect("script", pk)
    rule, actor = form.cleaned_data["rule"], Actor.person(request.user)
    try:
        linted.suppress(script=found, rule=rule, reason=form.cleaned_data["reason"], actor=actor)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{rule} is allowed in {found}; the reason stands beside it.")
    return redirect("script", pk)


@require_POST
@needs(CHANGE)
def disallow(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an allowance back."""
    found = _script(pk)
    rule = request.POST.get("rule", "")
    try:
        linted.unsuppress(script=found, rule=rule, actor=Actor.person(request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{rule} counts again in {found}.")
    return redirect("script", pk)


def _say_saved(request: HttpRequest, script: MigrationScript) -> None:
    messages.success(request, f"{script} is saved.")
    elsewhere = editing.standing_elsewhere(script)
    if elsewhere:
        messages.warning(
            request,
            f"{script} stands on {', '.join(elsewhere)} with its earlier text;"
            " a run of the new one is refused there.",
        )


def _context(found: MigrationScript, **more: object) -> dict[str, object]:
    return {"script": found, "release": found.release, "tab": "runs", **more}


def _script(pk: int) -> MigrationScript:
    return get_object_or_404(MigrationScript.objects.select_related("release", "reverts"), pk=pk)
