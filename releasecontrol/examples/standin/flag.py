"""Asks Release Control for the flag, as any application would: OFREP over HTTP, off when in doubt.

Protocol: OpenFeature Remote Evaluation Protocol 0.3, single evaluation
(https://github.com/open-feature/protocol).
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

FLAG: Final = "universe-v2"
PATIENCE_SECONDS: Final = 1.0
LONGEST_ANSWER: Final = 64 * 1024


class FlagUnknown(Exception):
    """The flag could not be asked, or the answer was none; treat it as off."""


class FlagClient:
    """`endpoint` is the address in front of /ofrep/v1; empty when there is nobody to ask.

    Nothing is remembered: a kill is seen by the very next request.
    """

    def __init__(self, *, endpoint: str, token: str) -> None:
        self._address = urlsplit(endpoint.rstrip("/"))
        self._token = token

    def is_on(self, user: str) -> bool:
        """Whether the flag is on for this targeting key. Without a key nobody is asked: off.

        Raises FlagUnknown.
        """
        if not user or not self._address.hostname:
            return False
        try:
            return self._ask(user)
        except (OSError, HTTPException, ValueError, RecursionError) as failure:
            raise FlagUnknown from failure

    def _ask(self, user: str) -> bool:
        secure = self._address.scheme == "https"
        kind = HTTPSConnection if secure else HTTPConnection
        connection = kind(
            self._address.hostname or "", self._address.port, timeout=PATIENCE_SECONDS
        )
        try:
            connection.request(
                "POST",
                f"{self._address.path}/ofrep/v1/evaluate/flags/{FLAG}",
                body=json.dumps({"context": {"targetingKey": user}}),
                headers={
                    "Authorization": f"Bearer {self._token}",
                    "Content-Type": "application/json",
                },
            )
            answer = connection.getresponse()
            document = json.loads(answer.read(LONGEST_ANSWER))
        finally:
            connection.close()
        if answer.status != 200 or not isinstance(document, dict):  # noqa: PLR2004 - HTTP OK
            raise FlagUnknown
        return document.get("value") is True
