"""What an OFREP client can be called: the protocol has no name for it, so we make one.

A name is the User-Agent and a salted hash of the address that the request came from. It is the
same from one request to the next, tells two hosts apart and names nobody: two browsers of one
kind behind one address are one name, and a client that moves gets a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings

LONGEST_AGENT = 150
LONGEST_ADDRESS = 100
_SALT = b"flags.api.who:"


@dataclass(frozen=True, slots=True, eq=False)
class Who:
    """A client: its made-up name, and what it says it is written with. Compared by identity."""

    instance: str
    agent: str


def of_request(environ: Mapping[str, Any]) -> Who:
    """Return who sent a WSGI request."""
    agent = environ.get("HTTP_USER_AGENT", "")
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    return _who(agent, _address(environ.get("REMOTE_ADDR", ""), forwarded))


def of_scope(scope: Mapping[str, Any]) -> Who:
    """Return who opened an ASGI connection."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    forwarded = headers.get(b"x-forwarded-for", "")
    return _who(headers.get(b"user-agent", ""), _address(client[0] if client else "", forwarded))


def _address(remote: str, forwarded: str) -> str:
    """Return the address that counts: what our proxy saw, where there is a proxy we trust."""
    if forwarded and settings.SECURE_PROXY_SSL_HEADER:
        return forwarded.rpartition(",")[2].strip()
    return remote


@lru_cache(maxsize=4096)
def _who(agent: str, address: str) -> Who:
    agent = "".join(c for c in agent[:LONGEST_AGENT] if c.isprintable()) or "unnamed"
    told = _SALT + settings.SECRET_KEY.encode() + address[:LONGEST_ADDRESS].encode()
    return Who(f"{agent} #{hashlib.sha256(told).hexdigest()[:8]}", agent)
