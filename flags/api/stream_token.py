"""Short-lived keys for the event stream, because a browser's EventSource can send no header.

A key is the API token's number and its environment, signed and with an end. It is made once per
half hour and the same for everybody with that token, so a client that asks again gets the same
address and need not reconnect; it lasts between half an hour and an hour, and no longer than the
token itself: the stream looks the token up in the snapshot.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing

from flags.serving.snapshot import Snapshot, TokenFacts

PERIOD_SECONDS = 1800
PATH = "/stream/flags"
UNLEASH_PATH = "/stream/unleash"


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What a valid key says: whose stream, of which environment, until when (Unix seconds)."""

    token_id: int
    environment: str
    until: int

    def is_live(self, snapshot: Snapshot) -> bool:
        """Say whether the key has not ended and its API token still stands."""
        facts = snapshot.tokens_by_id.get(self.token_id)
        known = facts is not None and facts.is_live() and self.environment in snapshot.rulesets
        return known and time.time() < self.until


def period() -> int:
    """Return the number of the present half hour."""
    return int(time.time()) // PERIOD_SECONDS


def stream_address(facts: TokenFacts, present: int, path: str = PATH) -> str:
    """Return the absolute address of a stream for the holder of this API token."""
    return _address(facts.id, facts.environment, (present + 2) * PERIOD_SECONDS, path)


def read_key(text: str, path: str = PATH) -> StreamKey | None:
    """Return what a key for this path says, or None if it was not signed by us for it."""
    try:
        token_id, environment, until = _signer(path).unsign_object(text)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return StreamKey(token_id, environment, until)


@lru_cache(maxsize=1024)
def _address(token_id: int, environment: str, until: int, path: str) -> str:
    key = _signer(path).sign_object([token_id, environment, until])
    return f"{settings.STREAM_URL}{path}?{urlencode({'token': key})}"


def _signer(path: str) -> signing.Signer:
    return signing.Signer(salt=f"flags.stream:{path}")
