from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checklists.models import ChecklistItem
from releasecontrol.plan.apply import SlugRefused
from releasecontrol.plan.parse import parse_plan
from releasecontrol.plan.preview import COUNTED, Preview, as_json, preview
from releases.models import Environment, Release
from tests.plan.importing import SMALL, import_text

pytestmark = pytest.mark.django_db


def preview_of(text: str, **options: Any) -> Preview:
    source = text.encode()
    options = {"slug": "shop", "scripts": {}, **options}
    return preview(parse_plan(source), source_bytes=source, **options)


def test_a_preview_stores_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        preview_of(SMALL)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}
    assert not Release.objects.exists()
    assert not Environment.objects.exists()


def test_a_new_release_has_no_difference_but_groups_with_lines() -> None:
    seen = preview_of(SMALL)
    assert (seen.release, seen.news, seen.unchanged) == (None, [], False)
    groups = {group.title: group.rows for group in seen.groups}
    assert groups["Checklist items"][2] == (63, "Stop the importer", "Steps, step 1")
    assert groups["Metrics"] == [(39, "Error rate", "< 1 %"), (40, "Orders an hour", "no goal")]
    assert groups["Rollback triggers and alert rules"] == [
        (43, "Error rate > 5%", "> 5 % → Page on-call engineer")
    ]


def test_an_edited_plan_shows_what_is_added_changed_and_removed() -> None:
    import_text(SMALL)
    edited = SMALL.replace("- [ ] Backup created", "- [ ] Backup made").replace("< 1%", "< 2%")
    difference = as_json(preview_of(edited))["difference"]
    assert difference["items"]["added"] == [{"line": 57, "text": "Backup made"}]
    assert difference["items"]["removed"] == ["Backup created"]
    assert difference["metrics"]["changed"] == [
        {
            "line": 39,
            "text": "Error rate",
            "fields": [{"field": "goal", "before": "1.0", "after": "2.0"}],
        }
    ]
    assert set(difference) == {"items", "metrics"}


def test_what_the_preview_shows_is_what_the_import_does() -> None:
    import_text(SMALL)
    edited = SMALL.replace("### Pre-Deployment", "### Before").replace("Week 1: 10%", "Week 1: 5%")
    shown = {
        table.kind.name: (len(table.added), len(table.news)) for table in preview_of(edited).news
    }
    done = import_text(edited)
    assert shown == {
        table.kind.name: (len(table.added), len(table.news)) for table in done.changes if table
    }
    assert preview_of(edited).unchanged


def test_lines_that_only_moved_are_no_news() -> None:
    import_text(SMALL)
    seen = preview_of(SMALL.replace("# Move the shop\n", "# Move the shop\n\n\n\n"))
    assert (seen.unchanged, seen.news) == (False, [])


def test_awaiting_files_are_those_that_neither_stand_nor_come_along() -> None:
    assert preview_of(SMALL).awaiting == ["001_create_shelves.sql", "002_fill_shelves.sql"]
    import_text(SMALL, scripts={"001_create_shelves.sql": "SELECT 1;"})
    seen = preview_of(SMALL, scripts={"x/002_fill_shelves.sql": "SELECT 2;", "y.sql": "SELECT 3;"})
    assert (seen.awaiting, seen.unmatched) == ([], ["y.sql"])


def test_an_ended_release_is_refused_before_anybody_confirms() -> None:
    import_text(SMALL)
    Release.objects.update(state="closed")
    assert "ended" in preview_of(SMALL + "\n## Notes\n").refusal
    assert not preview_of(SMALL).refusal


def test_a_slug_that_is_none_is_refused() -> None:
    with pytest.raises(SlugRefused):
        preview_of(SMALL, slug="No Slug")


def test_lines_not_understood_are_listed_with_their_numbers() -> None:
    text = SMALL + "\n## Miscellany\n\nThe moon is full on that day.\n"
    listed = as_json(preview_of(text))["not_understood"]
    assert [line["text"] for line in listed] == ["The moon is full on that day."]
    assert text.split("\n")[listed[0]["line"] - 1] == "The moon is full on that day."


def test_the_counts_have_the_names_that_others_rely_on() -> None:
    assert tuple(as_json(preview_of(SMALL))["counts"]) == COUNTED


def test_a_preview_of_a_release_does_not_touch_its_rows() -> None:
    import_text(SMALL)
    before = list(ChecklistItem.objects.values())
    preview_of(SMALL.replace("### Pre-Deployment", "### Before"))
    assert list(ChecklistItem.objects.values()) == before


def test_a_flag_that_another_release_has_is_told_before_anybody_confirms() -> None:
    import_text(SMALL)
    seen = preview_of(SMALL, slug="shop-again")
    assert seen.findings[0].code == "flag-is-taken"
    assert "Rollout stages" not in [group.title for group in seen.groups]
    assert preview_of(SMALL + "\n## Notes\n").findings[0].code != "flag-is-taken"


def test_changed_lists_are_shown_in_words() -> None:
    import_text(SMALL)
    seen = preview_of(SMALL.replace("- Monitor error rates", "- Error rate < 2%\n- No bugs"))
    (changed,) = as_json(seen)["difference"]["stages"]["changed"]
    assert changed["fields"] == [
        {"field": "criteria", "before": "Monitor error rates", "after": "Error rate < 2%; No bugs"}
    ]


def test_what_lint_says_of_the_plans_sql_is_told_at_the_plans_lines() -> None:
    text = """# Plan

## Scripts

### Link the orders
```sql
CREATE TABLE parcels (id int PRIMARY KEY, shop_id int);
UPDATE orders SET parcel_id = (SELECT id FROM parcels WHERE order_id = orders.order_id LIMIT 1);
```
"""
    seen = preview_of(text)
    told = [(each.lines, each.message) for each in seen.findings if each.code == "sql"]
    assert any(lines == (8,) and "parcels has no column order_id" in words for lines, words in told)
