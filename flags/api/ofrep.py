"""OFREP 0.3: flags for any language, as a bare WSGI callable without Django and without a query.

==========================================  ==================================================
``POST /ofrep/v1/evaluate/flags/{key}``     one flag
``POST /ofrep/v1/evaluate/flags``           all flags of the token's environment, with an ETag
==========================================  ==================================================

A request is read in `ofrep_request`, an answer written in `ofrep_answers`; what was answered is
counted a second later (`tally`).

Source: open-feature/protocol, service/openapi.yaml 0.3.0 and its ADR-0008 on event streams.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from django.conf import settings
from mmh3 import mmh3_x64_128_digest

from flags.api import who
from flags.api.limiting import Limiter
from flags.api.ofrep_answers import (
    BULK,
    CORS,
    PREFLIGHT,
    SINGLE,
    STATUS,
    Answer,
    ok,
    page,
    refused,
    said,
    unchanged,
)
from flags.api.ofrep_request import Rejected, body_of, context_of, token_of
from flags.api.stream_token import period
from flags.api.tally import report, tally
from flags.serving import ruleset
from flags.serving.snapshot import Ruleset, TokenFacts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

LONGEST_REVISION = 19
CATCH_UP_SECONDS = 0.25
"""How long a client that heard of a newer revision than ours may wait for it."""
VAIN_SECONDS = 2.0
"""Nobody waits for so long after a wait in vain: inventing revisions must not hold threads."""
_in_vain: dict[str, float] = {}

limiter = Limiter(rate=settings.FLAG_RATE, burst=settings.FLAG_BURST)


def ofrep_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request below ``/ofrep/``; never raises."""
    try:
        status, headers, body = _answer(environ)
    except Rejected as rejected:
        status, headers, body = refused(environ["PATH_INFO"], rejected)
    except ruleset.NoRulesetYet as away:
        status, headers, body = said(503, {"errorDetails": away.message})
    except Exception:
        log.exception("an OFREP request failed")
        status, headers, body = said(500, {"errorDetails": "Something is broken on our side."})
    if "HTTP_ORIGIN" in environ:
        headers = [*headers, *CORS]
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
    within_limits(facts)
    context = context_of(body)
    if path == BULK:
        return _bulk(environ, facts, context, body)
    return _single(environ, facts, path[len(SINGLE) :], context)


def within_limits(facts: TokenFacts) -> None:
    """Count a question of this token; rejects with 429 where there were too many."""
    wait = limiter.seconds_to_wait(facts.id)
    if wait:
        raise Rejected(
            429,
            f"This token asks more than {settings.FLAG_RATE} times a second.",
            Retry_After=str(math.ceil(wait)),
        )


# --- One flag -----------------------------------------------------------------------------------
def _single(
    environ: WSGIEnvironment, facts: TokenFacts, key: str, context: dict[str, Any]
) -> Answer:
    rules = ruleset.current(facts.environment)
    resolve = rules.flags.get(key)
    if resolve is None:
        raise _no_such_flag(rules, key)
    resolution = resolve(context)
    known = page(rules)
    answer = known.single(key, resolution)
    tally.note_one(known, facts.id, who.of_request(environ), resolution)
    return answer


def _no_such_flag(rules: Ruleset, key: str) -> Rejected:
    if key in rules.broken:
        return Rejected(400, f"This flag has no answer: {rules.broken[key]}.", "GENERAL")
    return Rejected(404, f"No flag of this key on {rules.environment}.", "FLAG_NOT_FOUND")


# --- All flags ----------------------------------------------------------------------------------
def _bulk(
    environ: WSGIEnvironment, facts: TokenFacts, context: dict[str, Any], question: bytes
) -> Answer:
    rules = _caught_up(environ, facts.environment)
    asks, known = who.of_request(environ), page(rules)
    resolutions = known.ask(context)
    body = b'{"flags":[' + known.flags(resolutions) + b"]," + known.tail(facts, period())
    tally.note(known, facts.id, asks, resolutions)
    if known.is_news_to(facts.id, asks):
        report(rules, facts.id, asks)  # now: somebody may be watching who has heard of a kill
    etag = _etag(rules, question, body)
    if _knows(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
        return unchanged(known, etag)
    return ok(known, body, ("ETag", etag))


def _caught_up(environ: WSGIEnvironment, environment: str) -> Ruleset:
    """Return the ruleset, at least at the revision of which an event stream told this client.

    The stream's process may have heard the news a moment before this one.
    """
    query = environ.get("QUERY_STRING")
    if not query:
        return ruleset.current(environment)
    told = parse_qs(query).get("flagConfigEtag", [""])[0].strip('"')
    held = ruleset.current(environment)
    if not (told.isascii() and told.isdigit() and len(told) < LONGEST_REVISION):
        return held
    if held.revision >= int(told) or time.monotonic() < _in_vain.get(environment, 0.0):
        return held
    rules = ruleset.wait_for_revision(environment, int(told), CATCH_UP_SECONDS)
    if rules.revision < int(told):
        _in_vain[environment] = time.monotonic() + VAIN_SECONDS
    return rules


def _etag(rules: Ruleset, question: bytes, answer: bytes) -> str:
    """Return the tag of an answer: its revision, and a digest of the question and of the answer.

    Not of the question alone: where an override ends or a date comes, the answer changes and the
    revision does not.
    """
    digest: bytes = mmh3_x64_128_digest(mmh3_x64_128_digest(answer) + question)
    return f'"{rules.revision}-{digest.hex()}"'


def _knows(if_none_match: str, etag: str) -> bool:
    if not if_none_match:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in {etag, "*"} for tag in tags)
