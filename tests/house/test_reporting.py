"""Sentry starts where a DSN is set, and what it would send carries no secret."""

from __future__ import annotations

import json
from typing import Any

import sentry_sdk
from pytest_django.fixtures import Settings
from sentry_sdk.transport import Transport

from releasecontrol import reporting

SECRET = "hunter2hunter2"


class Kept(Transport):
    """Keeps what would be sent, as text."""

    def __init__(self, sent: list[str]) -> None:
        super().__init__()
        self.sent = sent

    def capture_envelope(self, envelope: Any) -> None:
        self.sent.append(envelope.serialize().decode())


def test_without_a_dsn_nothing_is_reported(settings: Settings) -> None:
    settings.SENTRY_DSN = ""
    assert reporting.start_sentry() is False


def test_an_error_is_reported_without_its_secrets(settings: Settings) -> None:
    settings.SENTRY_DSN = "https://key@127.0.0.1:1/1"
    assert reporting.start_sentry() is True
    try:
        sent: list[str] = []
        sentry_sdk.get_client().transport = Kept(sent)
        try:
            password = SECRET  # a local variable: frames must not carry it
            raise ValueError(f"postgresql://ana:{password}@db/prod")
        except ValueError as error:
            sentry_sdk.capture_exception(error)
        sentry_sdk.flush()
    finally:
        sentry_sdk.init()  # off again
    assert sent
    assert "ValueError" in sent[0]
    assert SECRET not in json.dumps(sent)
