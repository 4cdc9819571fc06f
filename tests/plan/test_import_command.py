from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from checklists.models import ChecklistItem
from migrations_runner.models import MigrationScript
from releasecontrol.examples.world import SCRIPTS
from releases.models import Environment, PlanDocument, Release
from tests.plan.importing import OWN, REAL, SMALL, real_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.md"
    path.write_text(SMALL)
    return path


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_plan", *map(str, arguments), stdout=out)
    return out.getvalue()


def run_json(*arguments: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return report


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == 1
    assert not Release.objects.exists()
    assert not Environment.objects.exists()
    message = str(refused.value)
    assert "\n" not in message
    return message


@real_plan
def test_the_real_plan_is_counted_exactly() -> None:
    report = run_json(REAL)
    assert report["release"] == "phase-12-deployment-cutover-plan"
    assert report["counts"] == {
        "items": 66,
        "stages": 4,
        "triggers": 7,
        "alerts": 6,
        "metrics": 12,
        "scripts": 11,
        "smoke_tests": 4,
        "variables": 13,
        "timeline": 14,
        "not_understood": 0,
    }
    assert report["details"]["sql_blocks"] == 3
    assert report["details"]["script_files"] == 8
    assert report["details"]["metrics_with_goal"] == 4
    assert report["details"]["sql_variables"] == ["user_id"]
    assert len(report["repaired_lines"]) == 23
    assert len(report["awaiting_files"]) == 8


@real_plan
def test_the_real_plan_with_our_scripts_awaits_nothing() -> None:
    report = run_json(REAL, "--slug", "universe-v2", "--scripts", SCRIPTS / "phase-12")
    assert (report["awaiting_files"], len(report["attached"])) == ([], 8)
    assert run_json(REAL, "--slug", "universe-v2")["unchanged"]


def test_our_own_example_plan_is_understood_whole_and_has_its_scripts() -> None:
    report = run_json(OWN, "--slug", "universe-v2", "--scripts", SCRIPTS)
    assert report["not_understood"] == []
    assert report["awaiting_files"] == []
    assert report["counts"]["items"] > 20


def test_the_second_time_says_unchanged_and_stores_nothing(small: Path) -> None:
    assert not run_json(small)["unchanged"]
    again = run_json(small)
    assert (again["unchanged"], again["difference"]) == (True, {})
    assert PlanDocument.objects.count() == 1


def test_a_dry_run_reports_and_stores_nothing(small: Path) -> None:
    report = run_json(small, "--dry-run")
    assert (report["dry_run"], report["counts"]["items"]) == (True, 5)
    assert not Release.objects.exists()
    assert not Environment.objects.exists()


def test_a_dry_run_of_an_edited_plan_shows_the_difference(small: Path) -> None:
    run(small)
    small.write_text(SMALL.replace("Backup created", "Backup made"))
    report = run_json(small, "--dry-run")
    assert [row["text"] for row in report["difference"]["items"]["added"]] == ["Backup made"]
    assert not ChecklistItem.objects.filter(text="Backup made").exists()


def test_people_read_sentences(small: Path) -> None:
    said = run(small, "--slug", "shop")
    assert said.startswith("Imported Move the shop (shop).\nFound: 5 items, 2 stages")
    assert "Awaiting files: 001_create_shelves.sql, 002_fill_shelves.sql." in said
    assert run(small, "--slug", "shop").startswith("Nothing has changed in Move the shop")


def test_scripts_come_from_the_directory_and_the_rest_is_named(small: Path, tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_create_shelves.sql").write_text("SELECT 1;")
    (tmp_path / "sql" / "999_else.sql").write_text("SELECT 2;")
    report = run_json(small, "--scripts", tmp_path / "sql")
    assert report["attached"] == ["001_create_shelves.sql"]
    assert report["unmatched_files"] == ["999_else.sql"]
    assert report["awaiting_files"] == ["002_fill_shelves.sql"]
    assert MigrationScript.objects.get(name="001_create_shelves.sql").text == "SELECT 1;"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not text"),
        (b"# Plan\n- [ ] one\n" * 700_000, "larger than 1 MiB"),
        (b"# Plan\n\xff\xfe broken", "UTF-8"),
        (b"> " * 20_000 + b"deep\n", "deeply"),
        (b"\n".join(b" " * (2 * n) + b"- x" for n in range(400)), "deeply"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "plan.md"
    path.write_bytes(content)
    assert words in refusal(path, "--json")


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nowhere.md")
    assert "no such file" in refusal(tmp_path)


def test_a_missing_directory_of_scripts_is_refused(small: Path, tmp_path: Path) -> None:
    assert "no such directory" in refusal(small, "--scripts", tmp_path / "nowhere")


def test_a_bad_slug_is_refused(small: Path) -> None:
    assert "slug" in refusal(small, "--slug", "No Slug!")
