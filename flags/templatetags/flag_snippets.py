"""Code to copy on a flag's page."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from flags.lifecycle.snippets import TOKEN, snippets
from flags.models import Flag

register = template.Library()


@register.inclusion_tag("flags/_snippets.html")
def ask_for(flag: Flag) -> dict[str, Any]:
    """How React and Express ask this installation for this flag."""
    texts = snippets(key=flag.key, kind=flag.kind, address=settings.BASE_URL)
    return {"snippets": texts, "token": TOKEN}
