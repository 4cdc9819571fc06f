"""The whole cutover without a browser: commands, the JSON API, OFREP, the status page.

Import → tick → run on staging → on production: rehearsed by itself, approved by Ben, dumped, run →
dial 10 % → an application gets its answer → status page → kill. Every process is real.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from flags.core.bucketing import position
from tests.stories.conftest import OWN_PLAN, REAL_PLAN, SCRIPTS, Caller, House

pytestmark = [pytest.mark.story, pytest.mark.timeout(400)]
SCRIPT_NAMES = [
    "010_create_documents.sql",
    "011_create_assets.sql",
    "012_create_universes.sql",
    "013_create_relational_links.sql",
    "014_refactor_books.sql",
    "015_create_outline_versions.sql",
    "migrate-production-data.sql",
]
FLAG = "universe-v2"


def inside_and_outside(dial: int) -> tuple[str, str]:
    keys = [f"user-{number}" for number in range(200)]
    inside = next(key for key in keys if position(FLAG, key) < dial)
    outside = next(key for key in keys if position(FLAG, key) >= dial)
    return inside, outside


def ask(house: House, token: str, key: str) -> Any:
    answer = requests.post(
        f"{house.url}/ofrep/v1/evaluate/flags/{FLAG}",
        json={"context": {"targetingKey": key}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def test_a_cutover_from_plan_to_kill(house: House, api: Caller, ben: Caller) -> None:
    slug = import_the_plan(house)
    tick_the_first_item(api, slug)
    run_on_staging(house, slug)
    run_on_production(house, slug, api, ben)
    turn_the_dial(house)
    status_page_tells(house, slug)
    kill(house)


def import_the_plan(house: House) -> str:
    if not REAL_PLAN.is_file():
        pytest.skip(f"the real plan lies beside the checkout, and it is not there: {REAL_PLAN}")
    imported = house.command("import_plan", str(REAL_PLAN), "--scripts", str(SCRIPTS), "--json")
    assert imported.returncode == 0, imported.stderr
    told = json.loads(imported.stdout)
    expected = {"items": 66, "stages": 4, "triggers": 7, "alerts": 6, "metrics": 12, "timeline": 14}
    expected |= {"scripts": 11, "smoke_tests": 4, "variables": 13}
    assert {name: told["counts"][name] for name in expected} == expected
    again = json.loads(
        house.command("import_plan", str(REAL_PLAN), "--scripts", str(SCRIPTS), "--json").stdout
    )
    assert again["unchanged"] is True
    return str(told["release"])


def tick_the_first_item(api: Any, slug: str) -> None:
    items = api("GET", f"/releases/{slug}/items")
    assert len(items) == 66
    ticked = api("POST", f"/items/{items[0]['id']}/tick", {"note": "seen"})
    assert ticked["state"] == "done"


def run_on_staging(house: House, slug: str) -> None:
    """Nobody has to approve there: one command, and again one that finds all of it there."""
    words = ("queue_run", "--target", "staging", *SCRIPT_NAMES, "--release", slug)
    done = house.command(*words, "--wait", "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    told = json.loads(done.stdout)
    assert told["state"] == "succeeded"
    assert [script["state"] for script in told["scripts"]] == ["applied"] * len(SCRIPT_NAMES)
    again = json.loads(house.command(*words, "--wait", "--json").stdout)
    assert {script["state"] for script in again["scripts"]} == {"skipped"}


def run_on_production(house: House, slug: str, ana: Caller, ben: Caller) -> None:
    """Ana queues, a clone is tried, Ben approves what was seen, a dump is taken, it runs."""
    body = {"release": slug, "target": "production", "scripts": SCRIPT_NAMES}
    run = ana("POST", "/runs", body)
    assert (run["state"], run["approvals_needed"]) == ("awaiting_approval", 1)
    path = f"/runs/{run['id']}"
    until(lambda: ana("GET", f"{path}/rehearsal")["state"] not in {"queued", "running"})
    rehearsal = ana("GET", f"{path}/rehearsal")
    assert (rehearsal["state"], rehearsal["error"]) == ("passed", "")
    assert [one["name"] for one in rehearsal["scripts"]] == SCRIPT_NAMES
    own = ana.ask("POST", f"{path}/approve", {"note": "mine"})
    assert (own.status_code, own.json()["type"]) == (409, "urn:release-control:problem:own-work")
    approved = ben("POST", f"{path}/approve", {"note": "seen on the clone"})
    assert (approved["state"], approved["approved_by"]) == ("queued", ["ben"])
    until(lambda: ana("GET", path)["finished_at"])
    ended = ana("GET", path)
    assert (ended["state"], ended["error"]) == ("succeeded", "")
    assert [script["state"] for script in ended["scripts"]] == ["applied"] * len(SCRIPT_NAMES)
    dump = ana("GET", "/targets/production")["backups"][0]
    assert (dump["state"], len(dump["sha256"])) == ("verified", 64)


def turn_the_dial(house: House) -> None:
    token = house.token("evaluate")
    inside, outside = inside_and_outside(10_000)
    assert ask(house, token, inside) is False
    turned = house.command(
        "turn_dial", FLAG, "--environment", "production", "--to", "10", "--reason", "stage 1"
    )
    assert turned.returncode == 0, turned.stderr
    until(lambda: ask(house, token, inside) is True)
    assert ask(house, token, outside) is False


def status_page_tells(house: House, slug: str) -> None:
    session = requests.Session()
    sign_in(house, session, "cleo")
    assert session.get(f"{house.url}/status/{slug}/", timeout=10).status_code == 200
    body = session.get(f"{house.url}/status/{slug}.json", timeout=10).json()
    assert body["state"] == "draft"
    assert sum(phase["settled"] for phase in body["phases"]) == 1
    denied = session.get(f"{house.url}/admin/", timeout=10, allow_redirects=False)
    assert denied.status_code == 302


def kill(house: House) -> None:
    token = house.token("evaluate")
    inside, _ = inside_and_outside(10_000)
    killed = house.command("kill_flag", FLAG, "--environment", "production", "--reason", "errors")
    assert killed.returncode == 0, killed.stderr
    until(lambda: ask(house, token, inside) is False)
    refused = house.command(
        "turn_dial", FLAG, "--environment", "production", "--to", "10", "--reason", "again"
    )
    assert refused.returncode == 1
    assert "re-arm" in refused.stderr


def sign_in(house: House, session: requests.Session, username: str) -> None:
    page = session.get(f"{house.url}/login/", timeout=10)
    assert page.status_code == 200
    answer = session.post(
        f"{house.url}/login/",
        data={
            "username": username,
            "password": house.password(username),
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        },
        timeout=10,
    )
    assert answer.ok
    assert "sessionid" in session.cookies


def until(holds: Any, *, seconds: float = 90) -> None:
    """Ask again until it holds: each question is a request, the clock only ends a hang."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("it never became true")


def test_our_own_example_can_be_imported_as_a_release_of_its_own(house: House) -> None:
    imported = house.command("import_plan", str(OWN_PLAN), "--slug", "second", "--json")
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["release"] == "second"
