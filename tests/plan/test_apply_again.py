"""An edited plan is imported again: the plan's own words follow it, people's words stay."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from checklists import ticking
from checklists.models import Checklist, ChecklistItem
from flags.models import FlagState, Rollout, Stage
from migrations_runner.models import MigrationScript
from monitoring.models import Guardrail, Metric, SmokeTest
from releasecontrol.plan.apply import summary
from releases.models import Event, PlanDocument, PlanEntry, Release
from releases.timeline import Actor
from tests.plan.importing import REAL, SMALL, import_text, real_plan

pytestmark = pytest.mark.django_db


def item(text: str) -> ChecklistItem:
    return ChecklistItem.objects.get(text=text)


def test_an_edit_elsewhere_keeps_ticks_owners_and_notes(ana: User) -> None:
    import_text(SMALL)
    backup = item("Backup created")
    actor = Actor.person(ana)
    ticking.tick(item=backup, actor=actor, note="in the vault")
    ticking.annotate(item=backup, actor=actor, note="checked", evidence_url="", owner=ana)
    import_text(SMALL.replace("- [x] Scripts", "- [ ] Disk is large enough\n- [x] Scripts"))
    again = item("Backup created")
    assert (again.pk, again.state, again.owner, again.note) == (backup.pk, "done", ana, "checked")
    assert again.ticks.get().note == "in the vault"
    assert item("Disk is large enough").state == "open"


def test_lines_and_numbers_follow_the_edited_plan() -> None:
    import_text(SMALL)
    before = item("Run the scripts")
    import_text(
        SMALL.replace("2. [ ] Run the scripts\n3.", "2. [ ] Wait\n3. [ ] Run the scripts\n4.")
    )
    after = item("Run the scripts")
    assert (before.pk, before.number) == (after.pk, 2)
    assert (after.number, after.source_line) == (3, (before.source_line or 0) + 1)


def test_a_line_that_is_gone_stays_on_record_and_no_longer_blocks(ana: User) -> None:
    release = import_text(SMALL).release
    ticking.tick(item=item("Stop the importer"), actor=Actor.person(ana))
    fewer = SMALL.replace("1. [ ] Stop the importer\n2.", "1.").replace("3. [ ]", "2. [ ]")
    done = import_text(fewer)
    gone = item("Stop the importer")
    assert gone.removed_at is not None
    assert gone.ticks.exists()
    assert summary(done.changes)["items"]["removed"] == 1
    assert ticking.next_open(release) is not None


def test_a_line_that_comes_back_has_its_tick_again(ana: User) -> None:
    import_text(SMALL)
    ticking.tick(item=item("Backup created"), actor=Actor.person(ana))
    import_text(SMALL.replace("- [ ] Backup created\n", ""))
    import_text(SMALL)
    backup = item("Backup created")
    assert (backup.removed_at, backup.state) == (None, "done")
    assert [d.version for d in PlanDocument.objects.order_by("version")] == [1, 2, 3]


def test_a_renamed_heading_moves_items_with_their_ticks(ana: User) -> None:
    import_text(SMALL)
    ticking.tick(item=item("Backup created"), actor=Actor.person(ana))
    import_text(SMALL.replace("### Pre-Deployment", "### Before the Deployment"))
    backup = item("Backup created")
    assert (backup.checklist.title, backup.state) == ("Before the Deployment", "done")
    assert not Checklist.objects.filter(title="Pre-Deployment").exists()
    assert ChecklistItem.objects.count() == 5


def test_a_tick_never_moves_to_changed_words(ana: User) -> None:
    import_text(SMALL)
    ticking.tick(item=item("Backup created"), actor=Actor.person(ana))
    import_text(SMALL.replace("Backup created", "Backup created and restored"))
    assert item("Backup created and restored").state == "open"


def test_a_persons_edit_stands_where_the_plan_did_not_move() -> None:
    import_text(SMALL)
    SmokeTest.objects.update(url="http://127.0.0.1:9/api/shelves", expected_status="200")
    import_text(SMALL.replace("Backup created", "Backup made"))
    test = SmokeTest.objects.get()
    assert (test.url, test.expected_status) == ("http://127.0.0.1:9/api/shelves", "200")


def test_where_plan_and_person_both_changed_the_person_wins_and_it_is_said() -> None:
    import_text(SMALL)
    MigrationScript.objects.filter(role="draft").update(text="SELECT 1;")
    done = import_text(SMALL.replace("= :shelf;", "= :shelf WHERE shelf_id IS NULL;"))
    assert MigrationScript.objects.get(role="draft").text == "SELECT 1;"
    conflicts = [one.field for table in done.changes for one in table.conflicts]
    assert conflicts == ["text"]


def test_the_plans_own_change_is_followed_where_nobody_edited() -> None:
    import_text(SMALL)
    import_text(
        SMALL.replace("= :shelf;", "= :shelf WHERE shelf_id IS NULL;").replace("< 1%", "< 2%")
    )
    draft = MigrationScript.objects.get(role="draft")
    assert "IS NULL" in draft.text
    before = draft.sha256
    draft.save()
    assert draft.sha256 == before
    assert set(Metric.objects.values_list("name", "goal")) == {
        ("Error rate", 2.0),
        ("Orders an hour", None),
    }


def test_an_attached_file_is_kept_and_a_new_one_replaces_it() -> None:
    import_text(SMALL, scripts={"001_create_shelves.sql": "CREATE TABLE shelves ();"})
    import_text(SMALL + "\n## Notes\n")
    script = MigrationScript.objects.get(name="001_create_shelves.sql")
    assert script.text == "CREATE TABLE shelves ();"
    done = import_text(
        SMALL + "\n## Notes\n", scripts={"x/001_create_shelves.sql": "CREATE TABLE s ();"}
    )
    script.refresh_from_db()
    assert (done.unchanged, done.attached.names, script.text) == (
        False,
        ["001_create_shelves.sql"],
        "CREATE TABLE s ();",
    )


def test_an_attached_script_outlives_its_line_in_the_plan() -> None:
    import_text(SMALL, scripts={"001_create_shelves.sql": "SELECT 1;"})
    done = import_text("\n".join(x for x in SMALL.split("\n") if not x.startswith("psql")))
    assert set(MigrationScript.objects.values_list("name", flat=True)) == {
        "001_create_shelves.sql",
        "plan-block-1-link-orders.sql",
    }
    kept = [str(one) for table in done.changes for one in table.kept]
    assert kept == ["001_create_shelves.sql"]


def test_the_dial_is_never_touched_by_an_import() -> None:
    import_text(SMALL)
    FlagState.objects.filter(environment__slug="production").update(dial=10_000, enabled=False)
    import_text(SMALL.replace("Week 1: 10%", "Week 1: 20%"))
    state = FlagState.objects.get(environment__slug="production")
    assert (state.dial, state.enabled) == (10_000, False)
    assert list(Stage.objects.values_list("percentage", flat=True)) == [20_000, 100_000]


def test_stages_stay_as_they_are_once_the_rollout_has_begun() -> None:
    import_text(SMALL)
    Rollout.objects.update(state="running", stage=Stage.objects.first())
    import_text(SMALL.replace("Week 1: 10%", "Week 1: 20%"))
    assert list(Stage.objects.values_list("percentage", flat=True)) == [10_000, 100_000]


def test_an_armed_guardrail_outlives_its_line_and_an_unarmed_one_goes() -> None:
    import_text(SMALL)
    without = SMALL.replace("- Error rate > 5% → Page on-call engineer\n", "")
    Guardrail.objects.update(armed=True)
    import_text(without)
    assert Guardrail.objects.count() == 1
    import_text(SMALL)
    Guardrail.objects.update(armed=False)
    import_text(without)
    assert not Guardrail.objects.exists()


def test_rows_that_a_person_added_stay() -> None:
    release = import_text(SMALL).release
    home = Checklist.objects.get(title="Pre-Deployment")
    ChecklistItem.objects.create(checklist=home, key="mine", text="Ask the landlord")
    Metric.objects.create(release=release, key="mine", name="Visitors")
    import_text(SMALL + "\n## Notes\n")
    assert item("Ask the landlord").removed_at is None
    assert Metric.objects.filter(key="mine").exists()


def test_the_title_follows_the_plan_until_a_person_names_the_release() -> None:
    import_text(SMALL)
    import_text(SMALL.replace("# Move the shop", "# Move the whole shop"))
    assert Release.objects.get().title == "Move the whole shop"
    Release.objects.update(title="Spring move")
    import_text(SMALL)
    assert Release.objects.get().title == "Spring move"


def test_the_timeline_says_what_an_edit_changed() -> None:
    import_text(SMALL)
    import_text(SMALL.replace("- [ ] Backup created", "- [ ] Backup made"))
    newest = Event.objects.filter(verb="release.import_plan").first()
    assert newest is not None
    assert newest.data["version"] == 2
    assert newest.data["difference"] == {"items": {"added": 1, "changed": 0, "removed": 1}}


def test_a_plan_moves_into_a_blank_release() -> None:
    Release.objects.create(slug="shop", title="The shop")
    done = import_text(SMALL)
    assert (done.release.title, done.unchanged) == ("The shop", False)
    assert ChecklistItem.objects.count() == 5


def test_dropping_everything_removes_plain_facts_and_marks_items() -> None:
    import_text(SMALL)
    import_text("# Move the shop\n\nNothing is left to do.\n")
    assert not ChecklistItem.objects.filter(removed_at=None).exists()
    assert ChecklistItem.objects.count() == 5
    assert not Metric.objects.exists()
    assert not PlanEntry.objects.filter(kind="variable").exists()


@real_plan
def test_the_real_plan_with_one_line_more_keeps_all_its_ticks(ana: User) -> None:
    source = REAL.read_bytes()
    import_text(source, slug="universe-v2")
    actor = Actor.person(ana)
    for one in ChecklistItem.objects.filter(number=None)[:20]:
        ticking.tick(item=one, actor=actor)
    done = import_text(
        source.replace(b"- [ ] Code reviewed", b"- [ ] Licences checked\n- [ ] Code reviewed"),
        slug="universe-v2",
    )
    assert ChecklistItem.objects.filter(state="done").count() == 20
    assert summary(done.changes) == {"items": {"added": 1, "changed": 0, "removed": 0}}


def test_a_renamed_heading_keeps_metrics_and_what_a_person_set_on_them() -> None:
    import_text(SMALL)
    SmokeTest.objects.update(expected_status="200")
    before = (set(Metric.objects.values_list("pk")), SmokeTest.objects.get().pk)
    done = import_text(
        SMALL.replace("## Monitoring", "## What we watch").replace("## Smoke", "## Last Smoke")
    )
    test = SmokeTest.objects.get()
    assert (set(Metric.objects.values_list("pk")), test.pk) == before
    assert test.expected_status == "200"
    assert summary(done.changes) == {}


def test_a_block_put_in_front_does_not_make_an_edited_draft_a_stranger() -> None:
    import_text(SMALL)
    MigrationScript.objects.filter(role="draft").update(text="SELECT 1;")
    block = "#### 0. Count orders\n```sql\nSELECT count(*) FROM orders;\n```\n\n#### 1."
    import_text(SMALL.replace("#### 1.", block))
    drafts = MigrationScript.objects.filter(role="draft").values_list("name", "text")
    assert list(drafts) == [
        ("plan-block-1-count-orders.sql", "SELECT count(*) FROM orders;\n"),
        ("plan-block-2-link-orders.sql", "SELECT 1;"),
    ]
