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

from flags.snapshot import Snapshot, TokenFacts

PERIOD_SECONDS = 1800
PATH = "/stream/flags"
_SALT = "flags.stream"


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


def stream_address(facts: TokenFacts, present: int) -> str:
    """Return the absolute address of the stream for the holder of this API token."""
    return _address(facts.id, facts.environment, (present + 2) * PERIOD_SECONDS)


def read_key(text: str) -> StreamKey | None:
    """Return what a key says, or None if it was not signed by us."""
    try:
        token_id, environment, until = _signer().unsign_object(text)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return StreamKey(token_id, environment, until)


@lru_cache(maxsize=1024)
def _address(token_id: int, environment: str, until: int) -> str:
    key = _signer().sign_object([token_id, environment, until])
    return f"{settings.STREAM_URL}{PATH}?{urlencode({'token': key})}"


def _signer() -> signing.Signer:
    return signing.Signer(salt=_SALT)
