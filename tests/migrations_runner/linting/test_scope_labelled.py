"""The rules about names over the scripts labelled ``scope_``: precision, recall, line by line."""

from __future__ import annotations

import pytest

from migrations_runner.linting.names.rules import look
from tests.migrations_runner.linting.labelled_set import Labelled, scripts
from tests.migrations_runner.linting.world import world

WORLD = world()
SCRIPTS = [each for each in scripts() if each.path.name.startswith("scope_")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path.stem)
def test_each_script_gets_just_the_findings_it_is_labelled_with(script: Labelled) -> None:
    known = WORLD if script.catalog == "world" else None
    assert {f"{one.rule}@{one.line}" for one in look(script.text, known)} == script.expected


def test_half_of_the_labelled_scripts_are_clean() -> None:
    assert len(SCRIPTS) >= 60
    assert sum(not script.expected for script in SCRIPTS) >= 0.4 * len(SCRIPTS)
