"""Words for templates: first names, times that say how long ago, sentences of the timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from releasecontrol.accounts import example
from releasecontrol.board import sentences
from releasecontrol.runs import words
from releases.models import Event

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@register.filter
def sentence(event: Event) -> sentences.Sentence:
    """What happened, to be read behind the actor's name."""
    return sentences.sentence(event.verb, event.subject_label, event.data)


@register.filter
def first_name(user: Any) -> str:
    """The name a colleague would use; the user name where no other is known."""
    return str(user.first_name or user.get_username())


@register.filter
def ago(at: datetime) -> str:
    """How long ago: ``just now``, ``5 min ago``, ``3 h ago``; from two days on, the date."""
    seconds = (timezone.now() - at).total_seconds()
    if seconds < 0:
        return "just now" if seconds > -_MINUTE else f"{timezone.localtime(at):%d %b %Y, %H:%M}"
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return f"{timezone.localtime(at):%d %b %Y, %H:%M}"


@register.filter
def took(milliseconds: float | None) -> str:
    """How long something lasted, as people say it."""
    return words.took(milliseconds)


@register.simple_tag
def when(at: datetime | None) -> SafeString | str:
    """A time as people say it, with the exact moment behind it; a dash where there is none."""
    if at is None:
        return "–"
    exact = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', exact.isoformat(), f"{exact:%c %Z}", ago(at)
    )


@register.simple_tag
def example_people() -> list[example.ExamplePerson]:
    """Those whom the example installation lets anybody be."""
    return example.people_to_be()
