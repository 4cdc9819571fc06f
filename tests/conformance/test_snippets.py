"""The code that a flag's page shows, run as it stands: Express in node, React in Chromium."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from playwright.sync_api import Page, expect, sync_playwright

from flags.changing import rollout
from flags.lifecycle import snippets
from flags.models import Flag, RulesetRevision, Variant
from flags.serving import ruleset
from releases.models import Environment
from tests.conformance import node
from tests.flags.conftest import OPERATOR, make_flag, republish
from tests.flags.test_stream import free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]

DEADLINE = 30
CHROMIUM = os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium")
HTML = '<!doctype html><meta charset="utf-8"><div id="root"></div><script src="main.js"></script>'
MAIN = """
import { createRoot } from "react-dom/client";
import { App } from "./Shown.jsx";
createRoot(document.getElementById("root")).render(<App />);
"""


@pytest.fixture(scope="module")
def home() -> Path:
    return node.project()


def shown(title: str, flag: Flag, address: str, token: str) -> str:
    """The code as it is on the page, with a token pasted where the page says so."""
    texts = snippets.snippets(key=flag.key, kind=flag.kind, address=address)
    (text,) = (text.code for text in texts if text.title == title)
    assert text.count(snippets.TOKEN) == 1
    return text.replace(snippets.TOKEN, token)


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)
    settle(environment)


def settle(environment: Environment) -> None:
    revision = RulesetRevision.objects.get(environment=environment).revision
    ruleset.wait_for_revision(environment.slug, revision, 10)


# --- Express ------------------------------------------------------------------------------------
@contextmanager
def express(home: Path, code: str) -> Iterator[str]:
    """The address of the program, run by node."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir=home) as folder, tempfile.TemporaryFile() as said:
        program = Path(folder) / "shown.mjs"
        program.write_text(code)
        process = subprocess.Popen(
            ["node", str(program)],
            env={**os.environ, "PORT": str(port)},
            stdout=said,
            stderr=said,
        )
        try:
            address = f"http://127.0.0.1:{port}/"
            wait_until_it_answers(process, address)
            yield address
        finally:
            process.kill()
            process.wait()


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        try:
            requests.get(address, timeout=DEADLINE)
        except requests.ConnectionError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    pytest.fail("the Express program did not start")


def answer(address: str, user: str) -> Any:
    return requests.get(address, headers={"X-User-Id": user}, timeout=DEADLINE).json()


def test_express_gets_our_decisions_and_hears_of_a_kill_at_the_next_request(
    universe: Flag, staging: Environment, ofrep: str, token: str, home: Path
) -> None:
    turn(universe, staging, 10_000)
    with express(home, shown("Express", universe, ofrep, token)) as address:
        assert answer(address, "user-2") == {"universeV2": True}
        assert answer(address, "user-1") == {"universeV2": False}
        turn(universe, staging, 100_000)
        assert answer(address, "user-1") == {"universeV2": True}
        rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
        settle(staging)
        assert answer(address, "user-2") == {"universeV2": False}


def test_express_gets_the_values_of_a_json_flag(
    staging: Environment, ofrep: str, token: str, home: Path
) -> None:
    flag = make_flag("new", staging)
    Flag.objects.filter(pk=flag.pk).update(kind=Flag.Kind.JSON)
    Variant.objects.filter(flag=flag).update(value={"columns": [1, 2.5]})
    flag.refresh_from_db()
    republish(staging)
    with express(home, shown("Express", flag, ofrep, token)) as address:
        assert answer(address, "user-1") == {"newFlag": {"columns": [1, 2.5]}}


# --- React --------------------------------------------------------------------------------------
@pytest.fixture
def page() -> Iterator[Page]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium here, so the React code is not tried")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser.new_page()
        finally:
            connection.close()  # within playwright's event loop the test has one of its own
            browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files, from another port than the flags: another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.browser
def test_react_draws_our_decision_and_draws_again_when_the_flag_is_killed(
    universe: Flag,
    staging: Environment,
    ofrep: str,
    stream: str,
    token: str,
    home: Path,
    page: Page,
    settings: Any,
) -> None:
    settings.STREAM_URL = stream
    turn(universe, staging, 10_000)
    folder = home / "react"
    folder.mkdir(exist_ok=True)
    (folder / "Shown.jsx").write_text(shown("React", universe, ofrep, token))
    (folder / "main.jsx").write_text(MAIN)
    (folder / "main.js").write_text(node.bundled(home, folder / "main.jsx", userId='"user-2"'))
    (folder / "index.html").write_text(HTML)
    with served(folder) as address:
        with page.expect_request(f"{stream}/stream/flags**"):
            page.goto(address)
        expect(page.get_by_text("on", exact=True)).to_be_visible(timeout=DEADLINE * 1000)
        rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
        expect(page.get_by_text("off", exact=True)).to_be_visible(timeout=DEADLINE * 1000)


# --- The page -----------------------------------------------------------------------------------
def test_the_flag_page_shows_the_code_with_its_key_and_our_address(
    universe: Flag, ana: User, client: Client, settings: Any
) -> None:
    client.force_login(ana)
    body = client.get(f"/admin/flags/flag/{universe.pk}/change/").content.decode()
    for text in snippets.snippets(key="universe-v2", kind="boolean", address=settings.BASE_URL):
        assert text.install in body
    assert "useBooleanFlagValue(&quot;universe-v2&quot;, false)" in body
    assert f"baseUrl: &quot;{settings.BASE_URL}&quot;" in body


@pytest.mark.parametrize("kind", Flag.Kind.values)
def test_a_hostile_key_stays_a_string_in_the_code(kind: str) -> None:
    key = '"); alert(1); ("'
    for text in snippets.snippets(key=key, kind=kind, address="https://flags.example"):
        assert '"\\"); alert(1); (\\""' in text.code
        assert "alert1" in text.code
