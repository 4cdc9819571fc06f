"""Text that PostgreSQL can't hold (NUL, half a surrogate pair): refused at the door, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from releasecontrol.api.problems import problem
from releases.refusals import Refused


class UnreadableText(Refused):
    """The text holds a character that can't be stored; nothing was changed. Take it out."""


def is_unreadable(text: str) -> bool:
    r"""Is there a NUL, or half a surrogate pair?

    >>> is_unreadable("a\0b"), is_unreadable("\ud800"), is_unreadable("مكتبة 📚")
    (True, True, False)
    """
    return "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


class RefuseUnreadableText:
    """Answers 400 to a form or address with such a text, before any view sees it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not any(is_unreadable(text) for text in _texts(request)):
            return self.get_response(request)
        refusal = UnreadableText()
        if _is_api(request):
            return problem(422, refusal.code, refusal.message)
        return render(request, "console/refused.html", {"refusal": refusal}, status=400)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path_info
    for _, values in request.GET.lists():
        yield from values
    if request.method == "POST" and _is_api(request):
        yield from _strings(_parsed(request.body))
    elif request.method == "POST":
        for _, values in request.POST.lists():
            yield from values


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # what is no JSON is told by the API itself


def _strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included. As deep as the parser went, so not endless."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
