from __future__ import annotations

import pytest

from migrations_runner import editing, versions
from migrations_runner.models import MigrationScript
from releases.models import Release
from releases.timeline import Actor

BY = Actor.command("test")


@pytest.fixture
def script(db: None) -> MigrationScript:
    release = Release.objects.create(slug="r", title="R")
    made = MigrationScript(release=release, name="1.sql", text="SELECT 1;")
    editing.save(script=made, actor=BY, created=True)
    return made


def test_each_saved_text_is_a_version_with_its_author(script: MigrationScript) -> None:
    script.text = "SELECT 2;"
    editing.save(script=script, actor=BY, created=False)
    kept = [(one.number, one.text, one.saved_by) for one in script.versions.all()]
    assert kept == [(2, "SELECT 2;", "test"), (1, "SELECT 1;", "test")]


def test_saving_without_a_change_makes_no_version(script: MigrationScript) -> None:
    editing.save(script=script, actor=BY, created=False)
    assert versions.keep(script, by="somebody") is None
    assert script.versions.count() == 1


def test_going_back_to_an_old_text_is_a_new_version(script: MigrationScript) -> None:
    for text in ("SELECT 2;", "SELECT 1;"):
        script.text = text
        editing.save(script=script, actor=BY, created=False)
    assert list(script.versions.values_list("number", flat=True)) == [3, 2, 1]


def test_a_script_that_awaits_its_file_has_no_version(script: MigrationScript) -> None:
    waiting = MigrationScript.objects.create(release=script.release, name="2.sql")
    assert versions.keep(waiting, by="test") is None


def test_a_comparison_shows_changes_with_lines_around_and_leaves_the_rest_out() -> None:
    before = "\n".join(f"line {number}" for number in range(1, 41))
    after = before.replace("line 5\n", "line five\n").replace("line 30\n", "")
    lines = versions.compare(before, after)
    changed = [(line.sign, line.before, line.after, line.text) for line in lines]
    assert ("-", 5, None, "line 5") in changed
    assert ("+", None, 5, "line five") in changed
    assert ("-", 30, None, "line 30") in changed
    assert ("…", None, None, "") in changed
    assert all(line.text != "line 15" for line in lines)
