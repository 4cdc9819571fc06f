"""The Unleash client API: flags for SDKs that decide themselves; no Django, no query.

===================================  =========================================================
``GET /api/client/features``         all flags of the token's environment, with an ETag
``POST /api/client/register``        an SDK says who it is
``POST /api/client/metrics``         an SDK says what it answered how often
``GET /api/client/streaming``        a redirect to the stream process
===================================  =========================================================

An SDK sends its token as it is in ``Authorization``. What it sends as ``If-None-Match`` is the
revision that it surely has. Features are rendered once a ruleset and sent as they are; an override
that ends makes them anew.

Source: Unleash client API as UnleashClient 6.9 and unleash-client 6 (Node) use it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flags.api.ofrep import within_limits
from flags.api.ofrep_answers import STATUS, Answer
from flags.api.ofrep_request import Rejected, body_of, json_object, token_of
from flags.api.stream_token import UNLEASH_PATH, period, stream_address
from flags.core.specs import FlagSpec
from flags.models import FlagClient, FlagUsage
from flags.serving import counting, ruleset
from flags.serving.snapshot import Ruleset, TokenFacts
from flags.unleash.exporting import features, next_end

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

PREFIX = "/api/client/"
LARGEST_METRICS = 1024 * 1024
MOST_TOGGLES = 10_000
MOST_COUNTED = 10**9
_REMEMBERED = 10_000
_PROTOCOL = FlagClient.Protocol.UNLEASH.value
_BEARER = "bearer "
_NAMES = {400: "BadDataError", 401: "AuthenticationRequired", 403: "NoAccessError"}


def unleash_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request below ``/api/client/``; never raises."""
    try:
        status, headers, body = _answer(environ)
    except Rejected as rejected:
        status, headers, body = _refused(rejected)
    except ruleset.NoRulesetYet as away:
        status, headers, body = _said(503, {"name": "UnavailableError", "message": away.message})
    except Exception:
        log.exception("a request of an Unleash SDK failed")
        message = "Something is broken on our side."
        status, headers, body = _said(500, {"name": "InternalError", "message": message})
    start_response(status, headers)
    return [body]


def _answer(environ: WSGIEnvironment) -> Answer:
    path = environ["PATH_INFO"].removeprefix(PREFIX)
    method = environ["REQUEST_METHOD"]
    wanted = {"features": "GET", "streaming": "GET", "register": "POST", "metrics": "POST"}
    if path not in wanted:
        raise Rejected(404, "There is nothing at this address.")
    if method != wanted[path]:
        raise Rejected(405, f"Ask with {wanted[path]}.", Allow=wanted[path])
    body = body_of(environ, LARGEST_METRICS) if method == "POST" else b""
    facts = token_of(_with_plain_token(environ))
    within_limits(facts)
    if path == "features":
        return _features(environ, facts)
    if path == "streaming":
        return _redirect(facts)
    if path == "register":
        return _register(json_object(body))
    return _metrics(environ, facts, json_object(body))


def _with_plain_token(environ: WSGIEnvironment) -> Mapping[str, Any]:
    """SDKs of Unleash send the token without a scheme before it."""
    given = environ.get("HTTP_AUTHORIZATION", "")
    if given[: len(_BEARER)].lower() == _BEARER or not given:
        return environ
    return {"HTTP_X_API_KEY": given.strip()}


# --- Features -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rendered:
    """The features of one ruleset as they are sent, until an override in them ends."""

    rules: Ruleset
    body: bytes
    etag: str
    until: datetime | None


_rendered: dict[str, Rendered] = {}
_rendering = threading.Lock()


def rendered(rules: Ruleset) -> Rendered:
    """Return the features of a ruleset, made once."""
    held = _rendered.get(rules.environment)
    now = datetime.now(UTC)
    if held is not None and held.rules is rules and (held.until is None or now < held.until):
        return held
    with _rendering:
        made = _render(rules, now)
        _rendered[rules.environment] = made
        return made


def _render(rules: Ruleset, now: datetime) -> Rendered:
    content = features(rules.specs, rules.segments, now)
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    etag = f'"{digest}:{rules.revision}:v1"'
    return Rendered(rules, body, etag, next_end(rules.specs.values(), now))


def _features(environ: WSGIEnvironment, facts: TokenFacts) -> Answer:
    rules = ruleset.current(facts.environment)
    now = rendered(rules)
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    _saw(environ, facts, revision_of(known))
    if known.removeprefix("W/") == now.etag:
        return STATUS[304], [("ETag", now.etag), ("Cache-Control", "no-store")], b""
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(now.body))),
        ("ETag", now.etag),
        ("Cache-Control", "no-store"),
    ]
    return STATUS[200], headers, now.body


def revision_of(etag: str) -> int | None:
    """Return the revision that a tag of ours stands for; None for none, or another's.

    >>> revision_of('W/"0123456789abcdef:57:v1"'), revision_of('"x"'), revision_of("")
    (57, None, None)
    """
    parts = etag.removeprefix("W/").strip('"').split(":")
    if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit():  # noqa: PLR2004
        return None
    return int(parts[1][:18])


def _redirect(facts: TokenFacts) -> Answer:
    # With a signed key: an HTTP client that is sent to another port leaves its token behind.
    where = stream_address(facts, period(), UNLEASH_PATH)
    return "307 Temporary Redirect", [("Location", where), ("Content-Length", "0")], b""


# --- What SDKs tell -----------------------------------------------------------------------------
def _register(_told: Mapping[str, Any]) -> Answer:
    # Polls and streams say who asks. To note it here, too, would make of a streaming SDK a polling
    # one of which nobody knows what it has.
    return STATUS[202], [("Content-Length", "0")], b""


class _Remembered:
    """Which metrics were taken already: an SDK that heard no answer sends them again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: OrderedDict[tuple[Any, ...], None] = OrderedDict()

    def is_new(self, sent: tuple[Any, ...]) -> bool:
        with self._lock:
            if sent in self._taken:
                return False
            self._taken[sent] = None
            while len(self._taken) > _REMEMBERED:
                self._taken.popitem(last=False)
            return True


_taken = _Remembered()


def _metrics(environ: WSGIEnvironment, facts: TokenFacts, told: Mapping[str, Any]) -> Answer:
    bucket = told.get("bucket")
    if not isinstance(bucket, dict) or not isinstance(bucket.get("toggles"), dict):
        raise Rejected(400, "“bucket” with “toggles” is missing.")
    toggles: dict[str, Any] = bucket["toggles"]
    if len(toggles) > MOST_TOGGLES:
        raise Rejected(400, f"At most {MOST_TOGGLES} toggles fit into one bucket.")
    counted = [(key, _counts(key, one)) for key, one in toggles.items()]
    instance = _name(environ, told)
    span = (str(bucket.get("start"))[:40], str(bucket.get("stop"))[:40])
    if _taken.is_new((facts.id, instance, *span)):
        specs = ruleset.current(facts.environment).specs
        for key, counts in counted:
            if key in specs:
                _count(facts.environment, specs[key], *counts)
    return STATUS[202], [("Content-Length", "0")], b""


def _counts(key: str, told: Any) -> tuple[int, int, dict[str, int]]:
    """Yes, no, and how often each variant; rejects what is no count."""
    if not isinstance(told, dict) or not isinstance(told.get("variants", {}), dict):
        raise Rejected(400, f"“{key[:60]}” is not an object with yes, no and variants.")
    variants = {name: _number(key, count) for name, count in told.get("variants", {}).items()}
    return _number(key, told.get("yes", 0)), _number(key, told.get("no", 0)), variants


def _number(key: str, told: Any) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not 0 <= told <= MOST_COUNTED:
        raise Rejected(400, f"“{key[:60]}” counts something that is no number of times.")
    return told


def _count(
    environment: str, spec: FlagSpec, yes: int, no: int, variants: Mapping[str, int]
) -> None:
    names = {variant.name for variant in spec.variants}
    by_name = {name: n for name, n in variants.items() if name in names - {spec.off_variant}}
    shares = [variant.name for variant in spec.variants if variant.weight]
    # Who only asked whether it is on did not ask which one: told apart where there is but one.
    unnamed = max(0, yes - sum(by_name.values()))
    only = shares[0] if len(shares) == 1 else "(on)"
    by_name[only] = by_name.get(only, 0) + unnamed
    by_name[spec.off_variant] = no
    for name, count in by_name.items():
        if count:
            counting.evaluated(
                environment,
                spec.key,
                name,
                spec.dial,
                count,
                source=FlagUsage.Source.UNLEASH.value,
            )


def _saw(environ: WSGIEnvironment, facts: TokenFacts, revision: int | None) -> None:
    """Note who polls, and the revision that it surely has."""
    counting.seen(
        facts.environment,
        facts.id,
        _PROTOCOL,
        _name(environ, {}),
        revision,
        _text(environ, {}, "HTTP_UNLEASH_APPNAME", "appName"),
        _text(environ, {}, "HTTP_UNLEASH_SDK", "sdkVersion")
        or environ.get("HTTP_USER_AGENT", "")[:200],
    )


def _name(environ: WSGIEnvironment, told: Mapping[str, Any]) -> str:
    """How a client names itself, in what it tells or in its headers."""
    connection = _text(environ, told, "HTTP_UNLEASH_CONNECTION_ID", "connectionId")
    instance = _text(environ, told, "HTTP_UNLEASH_INSTANCEID", "instanceId")
    return connection or instance or "unnamed"


def _text(environ: WSGIEnvironment, told: Mapping[str, Any], header: str, name: str) -> str:
    given = told.get(name) or environ.get(header, "")
    return given[:200] if isinstance(given, str) else ""


# --- Words --------------------------------------------------------------------------------------
def _refused(rejected: Rejected) -> Answer:
    name = _NAMES.get(rejected.status, "NotFoundError")
    status, headers, body = _said(rejected.status, {"name": name, "message": rejected.details})
    return status, [*headers, *rejected.headers.items()], body


def _said(status: int, content: Mapping[str, Any]) -> Answer:
    body = json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return STATUS[status], headers, body
