"""From a smoke test as it is written to what is sent, and what an answer means. Pure.

``$NAME`` and ``${NAME}`` are filled in by name; one without a value stops the test before
anything is sent. A stand-in such as ``"universe_id": "uuid"`` is filled in with the id of what an
earlier test of the same suite created at ``…/universes``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from releases.refusals import Refused

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w{0,60})\}|([A-Za-z_]\w{0,60}))")
_STAND_IN = re.compile(r"^(?:uuid|id|string|<[^<>]*>|\{\{?[^{}]*\}?\}|your[-_ ].*)$", re.IGNORECASE)
_ID_FIELD = re.compile(r"^(?P<thing>.+?)(?:_id|_uuid|Id|Uuid|UUID|ID)$")
_STATUS = re.compile(r"[1-5](?:\d\d|xx)", re.IGNORECASE)


class CannotTell(Refused):
    """Whether this works can't be told."""


class VariableNotSet(CannotTell):
    """A variable of this request has no value here; nothing was sent."""


class StandInLeft(CannotTell):
    """The request holds a stand-in that nothing fills; nothing was sent."""


class ExpectationUnclear(CannotTell):
    """What this test expects is not understood; nothing was sent."""


@dataclass(frozen=True)
class Made:
    """Something a test of this suite created: its id, and the test's name."""

    id: str | int
    by: str


@dataclass(frozen=True)
class Filled:
    """The texts of a request with everything filled in, and what was, in words."""

    url: str
    headers: dict[str, str]
    body: str
    said: tuple[str, ...]


def references(*texts: str) -> tuple[str, ...]:
    """The names of the variables in some texts, each once.

    >>> references("Bearer $TOKEN", "${API}/books costs $5")
    ('TOKEN', 'API')
    """
    found = (braced or bare for text in texts for braced, bare in _REFERENCE.findall(text))
    return tuple(dict.fromkeys(found))


def fill(
    *,
    url: str,
    headers: Mapping[str, str],
    body: str,
    variables: Mapping[str, str],
    made: Mapping[str, Made],
) -> Filled:
    """Fill in variables and stand-ins. Raises VariableNotSet, StandInLeft.

    `made` maps what was created (``universes``, the last part of the path) to what came back.
    """
    missing = [name for name in references(url, *headers.values(), body) if not variables.get(name)]
    if missing:
        verb = "are" if len(missing) > 1 else "is"
        wanted = " and ".join(f"SMOKE_{name}" for name in missing)
        raise VariableNotSet(f"{wanted} {verb} not set.")

    def put(text: str) -> str:
        return _REFERENCE.sub(lambda found: variables[found[1] or found[2]], text)

    filled_body, said = _body(body, put, made)
    return Filled(
        url=put(url),
        headers={name: put(value) for name, value in headers.items()},
        body=filled_body,
        said=said,
    )


def created(url: str, answer: str) -> tuple[str, str | int] | None:
    """What a POST made: the collection's name and the new id; None where the answer has none.

    >>> created("https://x.test/api/universes?dry=0", '{"id": "4f", "name": "U"}')
    ('universes', '4f')
    """
    try:
        document = json.loads(answer)
        collection = urlsplit(url).path.rstrip("/").rpartition("/")[2].lower()
    except (ValueError, RecursionError):
        return None
    for holder in (document, document.get("data") if isinstance(document, dict) else None):
        found = holder.get("id") if isinstance(holder, dict) else None
        if collection and isinstance(found, str | int) and not isinstance(found, bool):
            return collection, found
    return None


def expects(expected: str, status: int) -> bool:
    """Whether a status is one that is expected: ``200``, ``2xx``, ``200, 404``.

    Raises ExpectationUnclear.

    >>> expects("2xx", 204), expects("401", 200), expects("200, 3xx", 302)
    (True, False, True)
    """
    wanted = expected.replace(",", " ").split()
    if not wanted or not all(_STATUS.fullmatch(one) for one in wanted):
        raise ExpectationUnclear(f"“{expected}” is not a status such as 200 or 2xx.")
    return any(
        str(status) == one or (one[1:].lower() == "xx" and str(status)[0] == one[0])
        for one in wanted
    )


def _body(
    body: str, put: Callable[[str], str], made: Mapping[str, Made]
) -> tuple[str, tuple[str, ...]]:
    """The body filled in; inside JSON each string for itself, so a quote in a value stays one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return put(body), ()
    if not isinstance(document, dict | list):
        return put(body), ()
    said: list[str] = []
    filled = _filled(document, put, made, said)
    unchanged = filled == document
    return (body if unchanged else json.dumps(filled, ensure_ascii=False)), tuple(said)


def _filled(
    value: Any, put: Callable[[str], str], made: Mapping[str, Made], said: list[str]
) -> Any:
    if isinstance(value, str):
        return put(value)
    if isinstance(value, list):
        return [_filled(inner, put, made, said) for inner in value]
    if isinstance(value, dict):
        return {
            key: _of_an_earlier_test(key, inner, made, said)
            if _is_stand_in(key, inner)
            else _filled(inner, put, made, said)
            for key, inner in value.items()
        }
    return value


def _is_stand_in(key: str, value: Any) -> bool:
    return (
        isinstance(value, str)
        and _ID_FIELD.match(key) is not None
        and _STAND_IN.match(value) is not None
    )


def _of_an_earlier_test(
    key: str, value: str, made: Mapping[str, Made], said: list[str]
) -> str | int:
    found = _ID_FIELD.match(key)
    thing = found["thing"].lower() if found else key
    for plural in (f"{thing}s", f"{thing}es", f"{thing[:-1]}ies", thing):
        if plural in made:
            said.append(f"{key} is the id that “{made[plural].by}” made.")
            return made[plural].id
    raise StandInLeft(
        f"{key} is only “{value}”, and no earlier test of the suite created a {thing}."
    )
