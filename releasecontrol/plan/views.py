"""Pages: import a plan (paste or upload, preview, confirm), a blank release, attached files."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from releasecontrol.plan import blank
from releasecontrol.plan import scripts as script_files
from releasecontrol.plan.apply import PERMISSION, Applied, apply, default_slug
from releasecontrol.plan.forms import AttachForm, Draft, ImportForm, ReleaseForm
from releasecontrol.plan.parse import parse_plan
from releasecontrol.plan.preview import COUNTED, Preview, preview
from releases.models import Release
from releases.refusals import Refused
from releases.timeline import Actor

_UNPROCESSABLE = 422
_NAMED = 10  # files named in one message


@never_cache
@login_required
@permission_required(PERMISSION, raise_exception=True)
@require_http_methods(["GET", "POST"])
def import_plan(request: HttpRequest) -> HttpResponse:
    """The form; its answer, the preview; and the preview's answer, the import."""
    if "draft" in request.POST:
        return _confirm(request)
    if request.method == "GET":
        return _import_form(request, ImportForm(initial={"slug": request.GET.get("release", "")}))
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return _preview(request, form)
        except Refused as refused:
            form.add_error(None, refused.message)
    return _import_form(request, form)


def _import_form(request: HttpRequest, form: ImportForm) -> HttpResponse:
    status = _UNPROCESSABLE if form.errors else 200
    return render(request, "plan/import.html", {"form": form}, status=status)


def _preview(request: HttpRequest, form: ImportForm) -> HttpResponse:
    filename, source = form.source()
    plan = parse_plan(source)
    slug = form.cleaned_data["slug"] or default_slug(plan, filename)
    seen = preview(plan, slug=slug, source_bytes=source, scripts={})
    draft = Draft(slug, filename, source, seen.seen)
    return _show(request, seen, draft)


def _show(request: HttpRequest, seen: Preview, draft: Draft) -> HttpResponse:
    missed = len(seen.not_understood)
    context = {
        "seen": seen,
        "draft": draft.sealed(),
        "filename": draft.filename,
        "can_confirm": not seen.unchanged and not seen.refusal,
        "tallies": [(name.replace("_", " "), seen.counts[name]) for name in COUNTED],
        "missed_text": f"{missed} line{'' if missed == 1 else 's'} not understood",
    }
    return render(request, "plan/preview.html", context)


def _confirm(request: HttpRequest) -> HttpResponse:
    try:
        draft = Draft.unsealed(request.POST["draft"])
        done = apply(
            parse_plan(draft.source),
            slug=draft.slug,
            title="",
            actor=Actor.person(request.user),
            filename=draft.filename,
            source_bytes=draft.source,
            scripts={},
            expected=draft.seen,
        )
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("import-plan")
    return _imported(request, done)


def _imported(request: HttpRequest, done: Applied) -> HttpResponse:
    if done.unchanged:
        messages.info(request, "This plan was imported before; nothing has changed.")
    else:
        messages.success(request, f"Imported version {done.document.version} of the plan.")
    waiting = script_files.awaiting(done.release)
    if waiting and request.user.has_perm(script_files.PERMISSION):
        messages.info(request, f"{len(waiting)} scripts await their files; attach them here.")
        return redirect("attach-scripts", done.release.slug)
    return redirect("board", done.release.slug)


@never_cache
@login_required
@permission_required(blank.PERMISSION, raise_exception=True)
@require_http_methods(["GET", "POST"])
def new_release(request: HttpRequest) -> HttpResponse:
    """A release from a template."""
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        title = form.cleaned_data["title"]
        try:
            release = blank.create(
                slug=form.cleaned_data["slug"] or slugify(title)[:63].strip("-_"),
                title=title,
                template=form.cleaned_data["template"],
                actor=Actor.person(request.user),
            )
        except Refused as refused:
            form.add_error("slug", refused.message)
        else:
            messages.success(request, f"Created {release}, a draft.")
            return redirect("board", release.slug)
    status = _UNPROCESSABLE if form.errors else 200
    return render(request, "plan/new.html", {"form": form}, status=status)


@never_cache
@login_required
@permission_required("migrations_runner.view_migrationscript", raise_exception=True)
@require_http_methods(["GET", "POST"])
def attach_scripts(request: HttpRequest, slug: str) -> HttpResponse:
    """The release's scripts, and the form that gives them their texts."""
    release = get_object_or_404(Release, slug=slug)
    form = AttachForm()
    if request.method == "POST":
        if not request.user.has_perm(script_files.PERMISSION):
            raise PermissionDenied
        form = AttachForm(request.POST, request.FILES)
        if form.is_valid() and _attach(request, release, form):
            return redirect("attach-scripts", slug)
    waiting = script_files.awaiting(release)
    context = {
        "release": release,
        "form": form,
        "scripts": list(release.scripts.all()),
        "waiting_text": f"{len(waiting)} awaiting a file" if waiting else "",
        "tab": "scripts",
    }
    status = _UNPROCESSABLE if form.errors else 200
    return render(request, "plan/scripts.html", context, status=status)


def _attach(request: HttpRequest, release: Release, form: AttachForm) -> bool:
    try:
        files = script_files.from_uploads(form.uploads())
        done = script_files.attach(release=release, files=files, actor=Actor.person(request.user))
    except Refused as refused:
        form.add_error("scripts", refused.message)
        return False
    _tell(request, done)
    return True


def _tell(request: HttpRequest, done: script_files.Attached) -> None:
    if done.names:
        messages.success(request, f"Attached: {_names(done.names)}.")
    if done.same:
        messages.info(request, f"The same text stood already: {_names(done.same)}.")
    if done.unmatched:
        messages.warning(request, f"No script here has the name: {_names(done.unmatched)}.")
    if not (done.names or done.same or done.unmatched):
        messages.warning(request, "There was no SQL file in it.")


def _names(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
