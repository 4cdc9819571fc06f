"""The forms of an import, a blank release and attached files."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core import signing
from django.core.files.uploadedfile import UploadedFile

from checklists.templates import TEMPLATES
from releasecontrol.plan.encoding import MAX_BYTES, EmptyPlan, PlanRefused, PlanTooLarge
from releasecontrol.plan.scripts import MOST_BYTES, TooMuch
from releases.models import slug_validator

_SALT = "plan-draft"
_DRAFT_SECONDS = 24 * 3600
_TEMPLATE_WORDS = {
    "cutover": "Cutover: before, during in strict order, afterwards",
    "blank": "Empty: add items yourself",
}


class DraftRefused(PlanRefused):
    """This preview can't be confirmed any more: import the plan again; nothing was stored."""


@dataclass(frozen=True)
class Draft:
    """A plan between preview and confirmation. `seen`: the digest of the plan it was laid beside.

    It travels in the page, signed, so what is confirmed is exactly what was previewed, and a person
    who walks away leaves nothing behind.
    """

    slug: str
    filename: str
    source: bytes
    seen: str = ""

    def sealed(self) -> str:
        values = [self.slug, self.filename, base64.b64encode(self.source).decode(), self.seen]
        return signing.dumps(values, salt=_SALT, compress=True)

    @classmethod
    def unsealed(cls, text: str) -> Draft:
        """The draft that was sealed. Raises DraftRefused for any other text, or an old one."""
        try:
            slug, filename, source, seen = signing.loads(text, salt=_SALT, max_age=_DRAFT_SECONDS)
        except signing.BadSignature:
            raise DraftRefused from None
        return cls(slug, filename, base64.b64decode(source), seen)


class ImportForm(forms.Form):
    """A plan as a file, or as pasted text."""

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="The plan as a file",
        help_text="Markdown, up to 1 MiB.",
        widget=forms.FileInput(attrs={"accept": ".md,.markdown,.txt,text/markdown,text/plain"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="… or its text",
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "spellcheck": "false"}),
    )
    slug = forms.CharField(
        required=False,
        max_length=63,
        validators=[slug_validator],
        label="Release (optional)",
        help_text="Lower-case letters, digits and hyphens; by default from the plan's title."
        " Name an existing release to bring it up to an edited plan.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(cleaned.get("file")) == bool(cleaned.get("text")):
            raise forms.ValidationError("Give the plan either as a file or as text.")
        return cleaned

    def source(self) -> tuple[str, bytes]:
        """The file's name and the plan's bytes. Raises PlanTooLarge before reading, EmptyPlan."""
        upload: UploadedFile[Any] | None = self.cleaned_data["file"]
        if upload is not None:
            if (upload.size or 0) > MAX_BYTES:
                raise PlanTooLarge(f"It has {upload.size:,} bytes.")
            return upload.name or "", upload.read()
        # Browsers send pasted lines with CRLF; the same plan as a file has the same digest so.
        pasted = self.cleaned_data["text"].replace("\r\n", "\n").encode()
        if not pasted:
            raise EmptyPlan
        return "", pasted


class ReleaseForm(forms.Form):
    """A release without a plan."""

    title = forms.CharField(max_length=200)
    slug = forms.CharField(
        required=False,
        max_length=63,
        validators=[slug_validator],
        label="Short name (optional)",
        help_text="Stands in addresses: lower-case letters, digits and hyphens.",
    )
    template = forms.ChoiceField(
        choices=[(name, _TEMPLATE_WORDS.get(name, name)) for name in TEMPLATES],
        label="Begin with",
    )


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _Files(forms.FileField):
    """Django's field takes one file; this takes each of several through the same checks."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        given = data if isinstance(data, list) and data else [None]
        return [super(_Files, self).clean(one, initial) for one in given]


class AttachForm(forms.Form):
    """Several SQL files, or an archive of them."""

    scripts = _Files(
        widget=_ManyFiles(attrs={"accept": ".sql,.zip", "multiple": True}),
        allow_empty_file=True,
        label="SQL files, or one zip archive",
        help_text="Matched by name; up to 500 files and 5 MiB unpacked.",
    )

    def uploads(self) -> list[tuple[str, bytes]]:
        """Names and bytes of all files. Raises TooMuch before reading."""
        uploads = self.cleaned_data["scripts"]
        if sum(upload.size or 0 for upload in uploads) > MOST_BYTES:
            raise TooMuch
        return [(upload.name or "", upload.read()) for upload in uploads]
