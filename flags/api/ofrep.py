"""OFREP 0.3: flags for any language, as a bare WSGI callable without Django and without a query.

==========================================  ==================================================
``POST /ofrep/v1/evaluate/flags/{key}``     one flag
``POST /ofrep/v1/evaluate/flags``           all flags of the token's environment, with an ETag
==========================================  ==================================================

Every answer carries value, variant and a reason of the protocol's list: stock clients fall back to
the default in their code when one is missing, which would leave a killed feature on. Answers are
rendered once per compiled flag and then sent as they are.

Source: open-feature/protocol, service/openapi.yaml 0.3.0 and its ADR-0008 on event streams.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flags import ruleset
from flags.api.ofrep_request import Rejected, body_of, context_of, token_of
from flags.api.stream_token import period, stream_address
from flags.evaluation import Resolution
from flags.snapshot import Ruleset, TokenFacts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

Answer = tuple[str, list[tuple[str, str]], bytes]

BULK = "/ofrep/v1/evaluate/flags"
SINGLE = f"{BULK}/"
LONGEST_KEY = 200
LONGEST_REVISION = 19
STALE_SECONDS = 6.0
"""Three polls of the keeper: from here on an answer says how old its ruleset is."""
CATCH_UP_SECONDS = 0.25
"""How long a client that heard of a newer revision than ours may wait for it."""

STATUS = {
    200: "200 OK",
    204: "204 No Content",
    304: "304 Not Modified",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}
# Any site may ask: the token is the key, and no cookie is ever looked at.
CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Retry-After, X-Ruleset-Age, X-Ruleset-Revision"),
]
PREFLIGHT = [
    *CORS,
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-API-Key"),
    ("Access-Control-Max-Age", "7200"),
    ("Content-Length", "0"),
]


def ofrep_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request below ``/ofrep/``; never raises."""
    try:
        status, headers, body = _answer(environ)
    except Rejected as rejected:
        status, headers, body = _rejection(environ, rejected)
    except ruleset.NoRulesetYet as away:
        status, headers, body = _json(503, {"errorDetails": away.message})
    except Exception:
        log.exception("an OFREP request failed")
        status, headers, body = _json(500, {"errorDetails": "Something is broken on our side."})
    start_response(status, headers)
    return [body]


def _answer(environ: WSGIEnvironment) -> Answer:
    path = environ["PATH_INFO"]
    if path != BULK and not path.startswith(SINGLE):
        raise Rejected(404, "There is nothing at this address.")
    method = environ["REQUEST_METHOD"]
    if method == "OPTIONS":
        return STATUS[204], list(PREFLIGHT), b""
    if method != "POST":
        raise Rejected(405, "Ask with POST.", Allow="POST, OPTIONS")
    body = body_of(environ)  # first: a client that is still sending would not hear a refusal
    facts = token_of(environ)
    context = context_of(body)
    if path == BULK:
        return _bulk(environ, facts, context)
    return _single(ruleset.current(facts.environment), path[len(SINGLE) :], context)


# --- One flag -----------------------------------------------------------------------------------
def _single(rules: Ruleset, key: str, context: dict[str, Any]) -> Answer:
    resolve = rules.flags.get(key)
    if resolve is None:
        raise _no_such_flag(rules, key)
    return _ok(rules, rendered(key, resolve(context)))


def _no_such_flag(rules: Ruleset, key: str) -> Rejected:
    if key in rules.broken:
        return Rejected(400, f"This flag has no answer: {rules.broken[key]}.", "GENERAL")
    return Rejected(404, f"No flag of this key on {rules.environment}.", "FLAG_NOT_FOUND")


@lru_cache(maxsize=32_768)
def rendered(key: str, resolution: Resolution) -> bytes:
    """Return the JSON of an answer. Resolutions are few and compared by identity, so this hits."""
    return _dump(
        {
            "key": key,
            "value": resolution.value,
            "reason": resolution.reason,
            "variant": resolution.variant,
            "metadata": dict(resolution.metadata),
        }
    )


# --- All flags ----------------------------------------------------------------------------------
def _bulk(environ: WSGIEnvironment, facts: TokenFacts, context: dict[str, Any]) -> Answer:
    rules = _caught_up(environ, facts.environment)
    present = period()
    etag = _etag(rules, facts, present, context)
    if _knows(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
        return STATUS[304], [*_common(rules), ("ETag", etag)], b""
    flags = [rendered(key, resolve(context)) for key, resolve in rules.flags.items()]
    flags += [
        _dump({"key": key, "errorCode": "GENERAL", "errorDetails": f"No answer: {why}."})
        for key, why in rules.broken.items()
    ]
    rest = {
        "metadata": {"environment": rules.environment, "revision": rules.revision},
        "eventStreams": [
            {"type": "sse", "url": stream_address(facts, present), "inactivityDelaySec": 120}
        ],
    }
    status, headers, body = _ok(
        rules, b'{"flags":[' + b",".join(flags) + b"]," + _dump(rest).removeprefix(b"{")
    )
    return status, [*headers, ("ETag", etag)], body


def _caught_up(environ: WSGIEnvironment, environment: str) -> Ruleset:
    """Return the ruleset, at least at the revision of which an event stream told this client.

    The stream's process may have heard the news a moment before this one.
    """
    told = parse_qs(environ.get("QUERY_STRING", "")).get("flagConfigEtag", [""])[0].strip('"')
    if not (told.isascii() and told.isdigit() and len(told) < LONGEST_REVISION):
        return ruleset.current(environment)
    return ruleset.wait_for_revision(environment, int(told), CATCH_UP_SECONDS)


def _etag(rules: Ruleset, facts: TokenFacts, present: int, context: dict[str, Any]) -> str:
    """Return the tag of this answer: flags, context, and the stream address it would carry."""
    facts_of_answer = [rules.environment, facts.id, present, context]
    text = json.dumps(facts_of_answer, sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=9).hexdigest()
    return f'"{rules.revision}-{digest}"'


def _knows(if_none_match: str, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in {etag, "*"} for tag in tags)


# --- Words and headers --------------------------------------------------------------------------
def _rejection(environ: WSGIEnvironment, rejected: Rejected) -> Answer:
    body: dict[str, Any] = {"errorDetails": rejected.details}
    if rejected.code:
        body = {"errorCode": rejected.code, **body}
        key = environ["PATH_INFO"].removeprefix(SINGLE)
        if key != environ["PATH_INFO"]:
            body = {"key": _text(key)[:LONGEST_KEY], **body}
    status, headers, encoded = _json(rejected.status, body)
    return status, [*headers, *rejected.headers.items()], encoded


def _text(latin: str) -> str:
    """Return a path as text: WSGI hands over its bytes as Latin-1."""
    return latin.encode("latin-1", "replace").decode("utf-8", "replace")


def _ok(rules: Ruleset, body: bytes) -> Answer:
    headers = _common(rules)
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return STATUS[200], headers, body


def _common(rules: Ruleset) -> list[tuple[str, str]]:
    headers = [*CORS, ("Cache-Control", "no-store"), ("X-Ruleset-Revision", str(rules.revision))]
    age = ruleset.age()
    if age is not None and age > STALE_SECONDS:
        headers.append(("X-Ruleset-Age", str(int(age))))
    return headers


def _json(status: int, content: dict[str, Any]) -> Answer:
    body = _dump(content)
    headers = [
        *CORS,
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return STATUS[status], headers, body


def _dump(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
