"""The example flag, a token, and a real HTTP server that answers with the OFREP callable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.db import transaction

from flags.api.ofrep import ofrep_app
from flags.api.tally import tally
from flags.changing.publishing import publish
from flags.models import Flag, FlagState, Variant
from flags.serving import counting, ruleset
from releases import tokens
from releases.models import Environment, Release
from releases.timeline import Actor

OPERATOR = Actor.command("test")


@transaction.atomic
def make_flag(key: str, *environments: Environment, release: Release | None = None) -> Flag:
    """A boolean flag with its two variants and a dial at 0 % in each environment."""
    flag = Flag.objects.create(key=key, name=key.title(), release=release)
    Variant.objects.create(flag=flag, name="on", value=True, weight=1000)
    Variant.objects.create(flag=flag, name="off", value=False, is_off=True, position=1)
    for environment in environments:
        FlagState.objects.create(flag=flag, environment=environment)
        publish(environment)
    return flag


@transaction.atomic
def republish(environment: Environment) -> None:
    """Publish what a test wrote straight into the rows, and forget what this process held."""
    publish(environment)
    ruleset.stop()


@pytest.fixture
def universe(staging: Environment, production: Environment, release: Release) -> Flag:
    return make_flag("universe-v2", staging, production, release=release)


@pytest.fixture
def token(staging: Environment) -> str:
    """An evaluation token of staging."""
    return tokens.issue(environment=staging, scope="evaluate", name="app", actor=OPERATOR)[1]


@pytest.fixture
def keeper(transactional_db: None) -> Iterator[None]:
    """Whatever the test asks of the ruleset, its keeper ends before the database is emptied."""
    ruleset.stop()
    yield
    tally.stop()
    counting.stop()
    ruleset.stop()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def ofrep(keeper: None) -> Iterator[str]:
    """The base address of a server that answers OFREP with the product's own callable."""
    server = make_server("127.0.0.1", 0, ofrep_app, Server, QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
