"""The stock Unleash client for Node, fed by our client API over HTTP: it decides as our core does.

The flags are the random ones of `test_parity.py`: percentages, conditions, segments, variants,
overrides and prerequisites.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flags.serving.snapshot import Ruleset
from flags.unleash.exporting import export
from releases import tokens
from releases.models import Environment
from tests.conformance import node
from tests.conformance.test_parity import context, rules, specs
from tests.conformance.test_unleash_client import base
from tests.flags.conftest import OPERATOR

__all__ = ["base", "rules", "specs"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]

KEYS = 2000
DEADLINE = 60
ODD = ({"targetingKey": None}, {"organisation": None}, {"organisation": 5}, {"organisation": ""})
"""What people may lack, or have otherwise than as a text."""

PROGRAM = """
import { readFileSync } from "node:fs";
import { startUnleash } from "unleash-client";
const { keys, contexts } = JSON.parse(readFileSync(0, "utf8"));
const client = await startUnleash({
  url: process.env.UNLEASH_URL,
  appName: "conformance",
  customHeaders: { Authorization: process.env.UNLEASH_TOKEN },
  disableMetrics: true,
  backupPath: process.env.UNLEASH_BACKUP,
});
const told = (key, context) =>
  client.isEnabled(key, context) ? client.getVariant(key, context).name : "off";
const answers = contexts.map((context) => keys.map((key) => told(key, context)));
client.destroy();
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
"""


@pytest.fixture(scope="module")
def home() -> Path:
    return node.project()


def asked(known: dict[str, Any]) -> dict[str, Any]:
    """A context of ours as this client takes it."""
    given = {name: value for name, value in known.items() if value is not None}
    key = given.pop("targetingKey", None)
    return {"properties": given} if key is None else {"userId": key, "properties": given}


def node_tells(
    home: Path, address: str, token: str, keys: list[str], contexts: list[dict[str, Any]]
) -> list[list[str]]:
    with tempfile.TemporaryDirectory(dir=home) as folder:
        program = Path(folder) / "ask.mjs"
        program.write_text(PROGRAM)
        done = subprocess.run(
            ["node", str(program)],
            env={
                **os.environ,
                "UNLEASH_URL": address,
                "UNLEASH_TOKEN": token,
                "UNLEASH_BACKUP": folder,
            },
            input=json.dumps({"keys": keys, "contexts": [asked(one) for one in contexts]}),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    answers: list[list[str]] = json.loads(done.stdout)
    return answers


def dates_of_attributes(rules: Ruleset) -> set[str]:
    """The flags that we say this client decides otherwise, and those that stand on them."""
    found: set[str] = set()
    for key, spec in rules.specs.items():  # whatever a flag stands on comes before it
        told = export(spec, rules.segments, datetime.now(UTC)).differences
        if any("SDK for Node" in one.text for one in told):
            found.add(key)
        if any(one.flag in found for one in spec.requires):
            found.add(key)
    return found


def test_the_client_for_node_decides_as_we_do(
    rules: Ruleset, staging: Environment, base: str, home: Path
) -> None:
    _, token = tokens.issue(environment=staging, scope="evaluate", name="t", actor=OPERATOR)
    contexts = [context(number) for number in range(KEYS)]
    contexts += [{**context(number), **odd} for odd in ODD for number in range(48)]
    given = [{name: v for name, v in one.items() if v is not None} for one in contexts]
    ours = [[resolve(one).variant for resolve in rules.flags.values()] for one in given]
    assert len({answer for row in ours for answer in row}) == 5
    told = node_tells(home, base, token, list(rules.flags), contexts)
    told_of = dates_of_attributes(rules)
    assert len(told_of) < len(rules.flags) / 2
    wrong = [
        (key, one, mine, its)
        for one, mine_all, its_all in zip(contexts, ours, told, strict=True)
        for key, mine, its in zip(rules.flags, mine_all, its_all, strict=True)
        if mine != its
    ]
    assert [one for one in wrong if one[0] not in told_of][:3] == []
    assert {key for key, *_ in wrong}  # what is told of is true
