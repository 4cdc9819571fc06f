"""Reading an OFREP request that may be hostile: bounded, strict, and refused in words.

Everything wrong with a request is a `Rejected` with its HTTP status and the body that OFREP 0.3
asks for; nothing a client sends may end in anything else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from flags.serving import ruleset
from flags.serving.snapshot import TokenFacts
from releases.models import ApiToken

LARGEST_BODY = 64 * 1024
MOST_DISCARDED = 1024 * 1024
LONGEST_LENGTH = 18  # digits of a Content-Length that are looked at
MOST_HEADERS = 10_000
"""How many good headers are known by their text: blanks in it make many of one token."""
_BEARER = "bearer "
_USUAL_LENGTHS = {str(length): length for length in range(1, 2049)}


class Rejected(Exception):
    """The request cannot be answered."""

    def __init__(self, status: int, details: str, code: str = "", **headers: str) -> None:
        self.status = status
        self.details = details
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(details)


def token_of(environ: Mapping[str, Any]) -> TokenFacts:
    """Return the facts of the request's token; rejects with 401 or 403.

    A header that was good is known by its text for as long as the snapshot stands in which it was
    found. A token that is revoked makes another snapshot; whether one expired is asked each time.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    known = ruleset.snapshot().good_headers
    facts = known.get(authorization)
    if facts is not None and (facts.expires_at is None or facts.is_live()):
        return facts
    facts = _token_looked_up(environ, authorization)
    if authorization[: len(_BEARER)].lower() == _BEARER and len(known) < MOST_HEADERS:
        known[authorization] = facts
    return facts


def _token_looked_up(environ: Mapping[str, Any], authorization: str) -> TokenFacts:
    given = environ.get("HTTP_X_API_KEY", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        given = authorization[len(_BEARER) :].strip()
    if not given:
        raise Rejected(
            401,
            "Send the token as “Authorization: Bearer …” or as “X-API-Key: …”.",
            WWW_Authenticate="Bearer",
        )
    facts = ruleset.token(given)
    if facts is None:
        raise Rejected(
            401, "This token is unknown, revoked or has expired.", WWW_Authenticate="Bearer"
        )
    if facts.scope != ApiToken.Scope.EVALUATE:
        raise Rejected(403, "This token may not evaluate flags.")
    return facts


def body_of(environ: Mapping[str, Any], largest: int = LARGEST_BODY) -> bytes:
    """Return the whole body; rejects with 413 one of more than `largest` bytes."""
    length = environ.get("CONTENT_LENGTH") or ""
    usual = _USUAL_LENGTHS.get(length)
    if usual is not None and "HTTP_TRANSFER_ENCODING" not in environ:
        body: bytes = environ["wsgi.input"].read(usual)
        return body
    return _body_of_unusual_length(environ, length, largest)


def _body_of_unusual_length(environ: Mapping[str, Any], length: str, largest: int) -> bytes:
    if length and not (length.isascii() and length.isdigit()):
        raise Rejected(400, "Content-Length is not a number.", "PARSE_ERROR")
    chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    if not length and not chunked:
        return b""
    wanted = largest + 1 if chunked else min(int(length[:LONGEST_LENGTH]), largest + 1)
    data: bytes = environ["wsgi.input"].read(wanted)
    if len(data) > largest:
        _discard(environ["wsgi.input"], 0 if chunked else int(length[:LONGEST_LENGTH]) - wanted)
        raise Rejected(413, f"A request holds at most {largest} bytes.", "GENERAL")
    return data


def _discard(stream: Any, left: int) -> None:
    """Read the rest of a somewhat too large body away: a client still sending hears no answer."""
    left = min(left, MOST_DISCARDED)
    while left > 0 and (chunk := stream.read(min(left, LARGEST_BODY))):
        left -= len(chunk)


def context_of(body: bytes) -> dict[str, Any]:
    """Return the evaluation context of a request's body; without one, an empty context.

    Rejects with 400: PARSE_ERROR for what is not a JSON object, INVALID_CONTEXT for a context or
    a targeting key of the wrong kind, TARGETING_KEY_MISSING for one that is there but null.
    """
    try:
        text = body.decode()
        parsed, end = _scan_quickly(text, 0)
        context: dict[str, Any] = parsed["context"]
        # As many names as colons: no name appears twice, and nothing is nested further.
        if (
            type(context["targetingKey"]) is str
            and text.count(":") == len(parsed) + len(context)
            and end == len(text)
            and "\\u" not in text
        ):
            return context
    except (LookupError, TypeError, ValueError, StopIteration, RecursionError):
        pass  # what is wrong or unusual is looked at again, slowly and with words
    return _context_looked_into(body)


def _context_looked_into(body: bytes) -> dict[str, Any]:
    context = json_object(body).get("context", {})
    if not isinstance(context, dict):
        raise Rejected(400, "“context” is not an object.", "INVALID_CONTEXT")
    key = context.get("targetingKey", "")
    if key is None:
        raise Rejected(
            400,
            "“targetingKey” is null. Leave it out to ask for an anonymous user.",
            "TARGETING_KEY_MISSING",
        )
    if not isinstance(key, str):
        raise Rejected(400, "“targetingKey” is not a string.", "INVALID_CONTEXT")
    return context


def json_object(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode()
        parsed = _parsed(text)
        if "\\u" in text:
            json.dumps(parsed, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    except UnicodeError:
        raise Rejected(400, "The body is not valid Unicode.", "PARSE_ERROR") from None
    except ValueError as broken:
        raise Rejected(400, f"The body is not JSON: {broken}.", "PARSE_ERROR") from None
    except RecursionError:
        raise Rejected(400, "The body is nested too deeply.", "PARSE_ERROR") from None
    if not isinstance(parsed, dict):
        raise Rejected(400, "The body is not a JSON object.", "PARSE_ERROR")
    return parsed


def _parsed(text: str) -> Any:
    try:
        parsed, end = _scan(text, 0)
    except StopIteration:
        end = -1
    # Blanks around it, or something that is no JSON: the decoder knows, and tells.
    return parsed if end == len(text) else _strict_json.decode(text)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return names


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_strict_json = json.JSONDecoder(
    object_pairs_hook=_without_doubles, parse_float=_finite, parse_constant=_no_constant
)
_scan: Callable[[str, int], tuple[Any, int]] = _strict_json.scan_once  # type: ignore[attr-defined]
_quick_json = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
_scan_quickly: Callable[[str, int], tuple[Any, int]] = _quick_json.scan_once  # type: ignore[attr-defined]
# What `decode` does between skipping blanks before and behind; the stubs don't know it.
