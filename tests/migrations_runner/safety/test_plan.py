"""The plan's own scripts on the example world: what is wrong ends rolled back, nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrations_runner.models import CheckResult
from migrations_runner.states import RunState
from releasecontrol.examples import world as example
from tests.migrations_runner.safety.conftest import Carry, Target

SHARED = Path(__file__).resolve().parents[4] / "shared/plans/phase-12-cutover.md"

#: As an application's schema has it: the link's own foreign key, not held to the owner.
LINKS = (
    "ALTER TABLE projects ADD universe_id uuid REFERENCES universes;"
    "ALTER TABLE characters ADD universe_id uuid REFERENCES universes"
)
OWN = """UPDATE projects SET universe_id = (
  SELECT id FROM universes WHERE user_id = projects.user_id AND name = 'My Books' LIMIT 1
) WHERE universe_id IS NULL AND user_id = :'user_id';"""

DEFAULTS = (
    "INSERT INTO universes (account_id, name, tags)"
    " SELECT id, 'My Books', '{default}' FROM accounts"
)
CORRECTED = (
    "UPDATE projects p SET universe_id = u.id FROM universes u WHERE u.account_id = p.user_id"
    " AND u.name = 'My Books' AND p.universe_id IS NULL AND p.user_id = :'user_id'"
)


def scripts() -> list[str]:
    return [path.read_text() for path in sorted(example.SCRIPTS.glob("00*.sql"))]


def last_owner(target: Target) -> str:
    """An owner of books whose universe is not the first that a LIMIT 1 meets."""
    row = target.execute(
        "SELECT user_id FROM projects WHERE user_id <> (SELECT account_id FROM universes LIMIT 1)"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    return str(row[0]) if row else ""


def plans_script_2() -> str:
    if not SHARED.exists():
        pytest.skip(f"{SHARED.name} is not here")
    fences = re.findall(r"```sql\n(.*?)```", SHARED.read_text(errors="replace"), re.DOTALL)
    (found,) = [f for f in fences if "UPDATE projects" in f and "WHERE user_id" in f]
    return str(found).replace(":user_id", ":'user_id'")


@pytest.mark.parametrize("whose", ["ours", "the plan's"])
def test_the_plans_script_2_mended_to_parse_ends_rolled_back_and_its_correction_passes(
    target_url: str, on_target: Target, carry: Carry, whose: str
) -> None:
    text = OWN if whose == "ours" else plans_script_2()
    example.build(target_url, accounts=20, books=200)
    assert carry(scripts()[0], names=("1",)).state == RunState.SUCCEEDED
    on_target.execute(LINKS)
    on_target.execute(DEFAULTS)
    user = last_owner(on_target)
    run = carry(text, names=("2",), user_id=user)
    assert run.state == RunState.FAILED
    assert re.search(
        r"\d+ projects would belong to another account:"
        r" projects.user_id and universes.account_id disagree. Such as id [0-9a-f-]{36}",
        run.error,
    )
    assert on_target.execute("SELECT count(universe_id) FROM projects").fetchone() == (0,)
    run = carry(CORRECTED, names=("2b",), user_id=user)
    assert run.state == RunState.SUCCEEDED, run.error
    assert on_target.execute("SELECT count(universe_id) > 0 FROM projects").fetchone() == (True,)


def test_the_four_example_scripts_pass(target_url: str, on_target: Target, carry: Carry) -> None:
    example.build(target_url, accounts=20, books=200)
    run = carry(*scripts())
    assert run.state == RunState.SUCCEEDED, run.error
    assert set(CheckResult.objects.filter(run=run).values_list("verdict", flat=True)) == {"pass"}
