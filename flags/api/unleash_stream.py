"""Streaming to Unleash SDKs: all features when one connects, then what changed, as it changes.

====================================  =======================================================
``GET /api/client/streaming``         with the token in ``Authorization``, as SDKs send it
``GET /stream/unleash?token=…``       the same with a signed key: whither the web process sends
                                      an SDK that knows only its address, because an HTTP client
                                      keeps its token to itself when it is sent elsewhere
====================================  =======================================================

==================  ==========================================================================
``unleash-connected``   one ``hydration`` event: it replaces whatever the SDK held
``unleash-updated``     ``feature-updated`` and ``feature-removed`` events, each flag whole
==================  ==========================================================================

An event's id names what it leads to. An SDK that comes back and missed nothing is sent nothing.
An override that ends changes what is sent without a new revision: each connection has a timer.

Source: Unleash client API as UnleashClient 6.9 (``experimental_mode``) reads it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from flags.api.ofrep_request import Rejected, token_of
from flags.api.stream_hub import NEVER, Listener, Message, Send
from flags.api.stream_token import UNLEASH_PATH, StreamKey, read_key
from flags.api.who import Who, of_scope
from flags.models import FlagClient
from flags.serving import ruleset
from flags.serving.snapshot import Ruleset
from flags.unleash.exporting import features, next_end

SDK_PATH = "/api/client/streaming"
_LONGEST_NAME = 200
_LONGEST_WAIT = 3600.0
_SHORTEST_WAIT = 0.05
_NO_END = 2**62
_BEARER = "bearer "


# --- What is sent -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The features of one ruleset by name, as JSON, until an override in them ends."""

    rules: Ruleset
    features: Mapping[str, str]
    until: datetime | None
    id: str


_states: dict[str, State] = {}


def state_of(rules: Ruleset) -> State:
    """Return what SDKs should hold now; made once a ruleset. For the event loop's thread."""
    held = _states.get(rules.environment)
    now = datetime.now(UTC)
    if held is None or held.rules is not rules or (held.until is not None and now >= held.until):
        held = _states[rules.environment] = _state(rules, now)
    return held


def _state(rules: Ruleset, now: datetime) -> State:
    sent = features(rules.specs, rules.segments, now)["features"]
    by_name = {feature["name"]: _json(feature) for feature in sent}
    digest = hashlib.blake2b("\n".join(by_name.values()).encode(), digest_size=8).hexdigest()
    until = next_end(rules.specs.values(), now)
    return State(rules, by_name, until, f"{rules.revision}-{digest}")


@lru_cache(maxsize=16)
def connected(state: State) -> Message:
    """Return the message that replaces all that an SDK held."""
    all_features = ",".join(state.features.values())
    hydration = f'{{"type":"hydration","eventId":{state.rules.revision},"segments":[]'
    return _event("unleash-connected", state, f'{hydration},"features":[{all_features}]}}')


@lru_cache(maxsize=64)
def updated(before: State, after: State) -> Message:
    """Return the message that makes of one state the other; only its id where they're alike."""
    number = after.rules.revision
    changed = (text for name, text in after.features.items() if before.features.get(name) != text)
    gone = (name for name in before.features if name not in after.features)
    events = [f'{{"type":"feature-updated","eventId":{number},"feature":{one}}}' for one in changed]
    removed = {"type": "feature-removed", "eventId": number, "project": "default"}
    events += [_json({**removed, "featureName": name}) for name in gone]
    return _event("unleash-updated", after, ",".join(events))


def _event(name: str, state: State, events: str) -> Message:
    text = f'id: {state.id}\nevent: {name}\ndata: {{"events":[{events}]}}\n\n'
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


def _json(content: Any) -> str:
    # No line break can be in it, so a message needs one "data:" line.
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


# --- Who listens --------------------------------------------------------------------------------
class UnleashListener(Listener):
    """One SDK: it is told flags, not that there is news."""

    protocol = FlagClient.Protocol.UNLEASH_STREAM.value

    def __init__(self, send: Send, key: StreamKey, who: Who, application: str, known: str) -> None:
        super().__init__(send, key, who, NEVER)
        self.application = application
        self._known = known
        self._state: State | None = None
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, rules: Ruleset) -> bool:
        """Send what this SDK does not hold yet; say whether it is at something new."""
        state, before = state_of(rules), self._state
        if state is before:
            return False
        self._state, self.seen = state, rules.revision
        if before is not None:
            self.put(updated(before, state))
        elif state.id != self._known:
            self.put(connected(state))
        self._mind_the_end()
        return True

    def leave(self) -> None:
        """Note that the connection is over, whoever ended it."""
        if self._timer is not None:
            self._timer.cancel()
        super().leave()

    def _mind_the_end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._state is None or self._state.until is None or self.over.done():
            return
        left = (self._state.until - datetime.now(UTC)).total_seconds()
        # The wall clock may be set while this waits: look again once an hour.
        wait = min(max(left, _SHORTEST_WAIT), _LONGEST_WAIT)
        self._timer = asyncio.get_running_loop().call_later(wait, self._look_again)

    def _look_again(self) -> None:
        rules = ruleset.snapshot().rulesets.get(self.key.environment)
        if rules is not None and not self.tell(rules):
            self._mind_the_end()


async def listener(send: Send, scope: Mapping[str, Any]) -> UnleashListener:
    """Return who opened this connection; rejects with 401 or 403 who may not."""
    headers = {name.decode("latin-1").lower(): text(value) for name, value in scope["headers"]}
    name = headers.get("unleash-connection-id") or headers.get("unleash-instanceid") or "unnamed"
    agent = headers.get("unleash-sdk") or of_scope(scope).agent
    application = headers.get("unleash-appname", "")
    known = headers.get("last-event-id", "")
    # In a thread: a token that is not known yet is looked for in the database.
    key = await asyncio.to_thread(_key, scope, headers)
    return UnleashListener(send, key, Who(name, agent), application, known)


def text(header: bytes) -> str:
    r"""Return a header's text without what can't be shown, and not too long of it.

    >>> text(b"shop\x00-1")
    'shop-1'
    """
    return "".join(c for c in header.decode("latin-1") if c.isprintable())[:_LONGEST_NAME].strip()


def _key(scope: Mapping[str, Any], headers: Mapping[str, str]) -> StreamKey:
    signed = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    if signed is not None:
        key = read_key(signed[0], UNLEASH_PATH)
        if key is None or not key.is_live(ruleset.snapshot()):
            raise Rejected(401, "This stream key is not valid or has ended.")
        return key
    given = headers.get("authorization", "")
    if given[: len(_BEARER)].lower() == _BEARER:
        given = given[len(_BEARER) :].strip()
    facts = token_of({"HTTP_X_API_KEY": given})
    return StreamKey(facts.id, facts.environment, _NO_END)
