from __future__ import annotations

import hashlib
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from checklists import gates, ticking
from checklists.models import Checklist, ChecklistItem, Tick
from flags.changing.lookup import states_of
from flags.models import Flag, FlagState, RulesetRevision, Stage
from migrations_runner.models import MigrationScript
from monitoring.models import Guardrail, Metric, SmokeTest
from releasecontrol.plan import apply as importer
from releasecontrol.plan.apply import (
    PlanMovedOn,
    ReleaseHasEnded,
    SlugRefused,
    apply,
    default_slug,
)
from releasecontrol.plan.encoding import PlanRefused
from releasecontrol.plan.parse import parse_plan
from releasecontrol.plan.write import PlanDoesNotFit
from releases.models import Environment, Event, PlanDocument, PlanEntry, Release
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.plan.importing import REAL, SMALL, import_text, real_plan

pytestmark = pytest.mark.django_db


def item(text: str, slug: str = "shop") -> ChecklistItem:
    return ChecklistItem.objects.get(checklist__release__slug=slug, text=text, removed_at=None)


def test_a_plan_becomes_a_draft_release_named_by_its_title() -> None:
    release = import_text(SMALL).release
    assert (release.title, release.state) == ("Move the shop", Release.State.DRAFT)
    assert (release.git_ref, release.summary) == ("shop-v2", "The shop on its new tables")


def test_items_stand_under_their_heading_with_the_gate_it_means() -> None:
    import_text(SMALL)
    found = {
        (one.checklist.title, one.section, one.checklist.gate, one.text, one.number)
        for one in ChecklistItem.objects.select_related("checklist")
    }
    assert found == {
        ("Pre-Deployment", "Database", "start", "Backup created", None),
        ("Pre-Deployment", "Database", "start", "Scripts reviewed", None),
        ("During Deployment", "Steps", "roll_out", "Stop the importer", 1),
        ("During Deployment", "Steps", "roll_out", "Run the scripts", 2),
        ("During Deployment", "Steps", "roll_out", "Start the importer", 3),
    }


def test_a_box_ticked_in_the_plan_is_noted_but_is_nobodys_tick() -> None:
    import_text(SMALL)
    reviewed = item("Scripts reviewed")
    assert (reviewed.state, reviewed.note) == ("open", "Ticked in the plan.")
    assert not Tick.objects.exists()


def test_the_start_gate_waits_for_the_imported_items() -> None:
    release = import_text(SMALL).release
    assert {str(unmet.item) for unmet in gates.unmet(release, "start")} == {
        "Backup created",
        "Scripts reviewed",
    }


def test_numbered_steps_keep_their_order(ana: User) -> None:
    import_text(SMALL)
    with pytest.raises(ticking.EarlierStepOpen):
        ticking.tick(item=item("Run the scripts"), actor=Actor.person(ana))


def test_the_flag_of_the_variables_gets_a_dial_at_zero_everywhere_and_stages_in_production() -> (
    None
):
    import_text(SMALL)
    flag = Flag.objects.get()
    assert (flag.key, flag.kind, flag.release) == ("shop-v2", "boolean", Release.objects.get())
    assert {(v.name, v.value, v.weight, v.is_off) for v in flag.variants.all()} == {
        ("on", True, 1000, False),
        ("off", False, 0, True),
    }
    dials = {(s.environment.slug, s.dial, s.enabled) for s in FlagState.objects.all()}
    assert dials == {("staging", 0, True), ("production", 0, True)}
    stages = [(s.label, s.percentage, s.dwell_days) for s in Stage.objects.all()]
    assert stages == [("Week 1", 10_000, 7), ("Week 2", 100_000, 7)]
    assert Stage.objects.filter(rollout__state_of__environment__slug="production").count() == 2


def test_an_import_publishes_the_ruleset_of_every_environment() -> None:
    import_text(SMALL)
    assert set(RulesetRevision.objects.values_list("environment__slug", "revision")) == {
        ("staging", 1),
        ("production", 1),
    }


def test_scripts_of_the_plan_await_their_files_and_written_sql_is_a_draft() -> None:
    import_text(SMALL)
    found = {(s.name, s.path, s.role, s.text) for s in MigrationScript.objects.all()}
    assert found == {
        ("001_create_shelves.sql", "db/001_create_shelves.sql", "schema", ""),
        ("002_fill_shelves.sql", "db/002_fill_shelves.sql", "schema", ""),
        (
            "plan-block-1-link-orders.sql",
            "",
            "draft",
            "UPDATE orders SET shelf_id = :shelf;\n",
        ),
    }
    draft = MigrationScript.objects.get(role="draft")
    assert draft.sha256 == hashlib.sha256(draft.text.encode()).hexdigest()


def test_metrics_and_guardrails_keep_numbers_apart_from_words() -> None:
    import_text(SMALL)
    metrics = set(Metric.objects.values_list("name", "comparison", "goal", "unit"))
    assert metrics == {("Error rate", "<", 1.0, "%"), ("Orders an hour", "", None, "")}
    alert = Guardrail.objects.get()
    assert (alert.origin, alert.comparison, alert.limit, alert.unit) == ("alert", ">", 5.0, "%")
    assert (alert.consequence, alert.consequence_text) == ("page", "Page on-call engineer")
    assert not alert.armed


def test_a_smoke_test_keeps_its_token_a_name_and_says_what_was_assumed() -> None:
    import_text(SMALL)
    test = SmokeTest.objects.get()
    assert test.headers == {"Authorization": "Bearer $TOKEN"}
    assert test.expected_status == "2xx"
    assert any("any 2xx" in note for note in test.notes)
    assert any("$TOKEN" in note for note in test.notes)


def test_variables_are_kept_by_name_without_their_values() -> None:
    import_text(SMALL.replace("SHOP_V2=true", "SHOP_V2=hunter2"))
    rows = PlanEntry.objects.filter(kind="variable")
    assert list(rows.values_list("text", flat=True)) == [
        "ENABLE_SHOP_V2",
        "SHOP_V2_ROLLOUT_PERCENTAGE",
    ]
    assert "hunter2" not in str(list(rows.values_list("data", flat=True)))


def test_the_document_keeps_the_bytes_and_what_each_line_became() -> None:
    document = import_text(SMALL).document
    assert bytes(document.source) == SMALL.encode()
    assert [line["line"] for line in document.lines] == list(range(1, len(SMALL.splitlines()) + 1))
    backup = next(
        line for line in document.lines if line["line"] == item("Backup created").source_line
    )
    assert backup["ref"] == item("Backup created").key


def test_an_import_is_on_the_timeline_with_its_counts() -> None:
    done = import_text(SMALL)
    event = Event.objects.get(release=done.release, verb="release.import_plan")
    assert event.data["counts"]["items"] == 5
    assert event.data["difference"]["items"] == {"added": 5, "changed": 0, "removed": 0}


def test_importing_twice_changes_nothing() -> None:
    import_text(SMALL)
    before = (Event.objects.count(), list(ChecklistItem.objects.values()))
    again = import_text(SMALL)
    assert again.unchanged
    assert (Event.objects.count(), list(ChecklistItem.objects.values())) == before
    assert PlanDocument.objects.count() == 1


def test_a_crash_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_args: object, **_kwargs: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(importer, "_record", crash)  # the last thing that an import does
    with pytest.raises(OSError, match="disk is full"):
        import_text(SMALL)
    tables = (Release, PlanDocument, Checklist, ChecklistItem, Flag, MigrationScript, PlanEntry)
    assert [table.objects.count() for table in (*tables, Environment)] == [0] * 8


@pytest.mark.parametrize(
    ("plain", "odd"),
    [("curl https", "curl -X FROBNICATE https"), ("/api/shelves", "/api/" + "x" * 3000)],
)
def test_a_line_that_no_table_takes_is_refused_by_its_number(plain: str, odd: str) -> None:
    with pytest.raises(PlanDoesNotFit, match="Line 49"):
        import_text(SMALL.replace(plain, odd))
    assert not Release.objects.exists()


@pytest.mark.parametrize("slug", ["Shop", "../etc", "", "import", "new", "a" * 64, "läden", "a b"])
def test_a_slug_that_is_none_is_refused_and_nothing_is_stored(slug: str) -> None:
    with pytest.raises(SlugRefused):
        import_text(SMALL, slug=slug)
    assert not Release.objects.exists()


def test_the_default_slug_comes_from_the_title_then_the_file() -> None:
    assert default_slug(parse_plan(b"# Phase 12: Deployment & Cutover\n")) == (
        "phase-12-deployment-cutover"
    )
    assert default_slug(parse_plan("# 計画\n".encode()), "plans/my_plan.md") == "my-plan"
    assert default_slug(parse_plan("# 計画\n".encode())).startswith("release-")


def test_a_viewer_may_not_import(vic: User) -> None:
    with pytest.raises(NotPermitted):
        import_text(SMALL, actor=Actor.person(vic))
    assert not Release.objects.exists()


def test_an_engineer_imports_under_his_own_name(ben: User) -> None:
    done = import_text(SMALL, actor=Actor.person(ben))
    assert done.document.imported_by == "Ben Bauer"
    assert Event.objects.get(verb="release.import_plan").actor_user_id == ben.pk


def test_an_ended_release_keeps_its_plan() -> None:
    release = import_text(SMALL).release
    Release.objects.filter(pk=release.pk).update(state="cancelled")
    with pytest.raises(ReleaseHasEnded):
        import_text(SMALL + "\n- [ ] One more\n")
    assert import_text(SMALL).unchanged


def test_a_confirmation_of_an_outdated_preview_is_refused() -> None:
    import_text(SMALL)
    newer = SMALL.replace("Backup created", "Backup created and restored")
    with pytest.raises(PlanMovedOn):
        apply(
            parse_plan(newer.encode()),
            slug="shop",
            title="",
            actor=Actor.command("test"),
            filename="",
            source_bytes=newer.encode(),
            scripts={},
            expected="",
        )


def test_a_flag_of_another_release_is_left_alone_and_its_stages_kept_as_entries() -> None:
    first = import_text(SMALL).release
    second = import_text(SMALL, slug="shop-again").release
    assert Flag.objects.get().release == first
    assert Stage.objects.count() == 2
    kept = PlanEntry.objects.filter(release=second, kind="strategy").values_list("text", flat=True)
    assert list(kept) == ["Week 1: 10 %", "Week 2: 100 %"]
    assert [str(state) for state in states_of(second)] == [str(state) for state in states_of(first)]
    assert PlanEntry.objects.filter(release=second, key="flag-is-taken").exists()


def test_a_flag_that_becomes_free_is_taken_with_the_next_version() -> None:
    import_text(SMALL)
    second = import_text(SMALL, slug="shop-again").release
    Flag.objects.update(release=None)
    import_text(SMALL + "\n## Notes\n", slug="shop-again")
    assert Flag.objects.get().release == second
    assert Stage.objects.count() == 2
    assert not PlanEntry.objects.filter(release=second, kind="strategy").exists()
    assert not PlanEntry.objects.filter(release=second, key="flag-is-taken").exists()


def test_a_plan_without_a_rollout_makes_no_flag() -> None:
    import_text("# Tidy up\n\n## Before\n\n- [ ] Look around\n", slug="tidy")
    assert not Flag.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_one_release() -> None:
    results: list[object] = []
    ready = threading.Barrier(2)

    def go() -> None:
        ready.wait(timeout=10)
        try:
            results.append(import_text(SMALL).unchanged)
        except PlanRefused as refused:
            results.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(map(str, results)) == ["False", "True"]
    assert PlanDocument.objects.count() == 1
    assert ChecklistItem.objects.count() == 5
    assert Event.objects.filter(verb="release.import_plan").count() == 1


@real_plan
def test_the_real_plan_goes_in_whole() -> None:
    release = import_text(REAL.read_bytes(), slug="universe-v2").release
    items = ChecklistItem.objects.filter(checklist__release=release)
    assert items.count() == 66
    numbers = (
        items.filter(number__isnull=False).order_by("position").values_list("number", flat=True)
    )
    assert list(numbers) == list(range(1, 11))
    assert Flag.objects.get().key == "universe-v2"
    percentages = Stage.objects.values_list("percentage", flat=True)
    assert list(percentages) == [10_000, 25_000, 50_000, 100_000]
    origins = Guardrail.objects.values_list("origin", flat=True)
    assert (list(origins).count("trigger"), list(origins).count("alert")) == (7, 6)
    assert (Metric.objects.count(), Metric.objects.filter(goal__isnull=False).count()) == (12, 4)
    assert MigrationScript.objects.filter(text="").count() == 8
    assert MigrationScript.objects.filter(role="draft").count() == 3
    assert SmokeTest.objects.count() == 4
    kinds = list(PlanEntry.objects.values_list("kind", flat=True))
    assert (kinds.count("variable"), kinds.count("timeline"), kinds.count("contact")) == (13, 14, 3)
    assert len(release.plans.get().lines) == len(REAL.read_bytes().splitlines())


@real_plan
def test_what_only_a_rollback_needs_comes_last_on_the_board() -> None:
    release = import_text(REAL.read_bytes(), slug="universe-v2").release
    order = list(Checklist.objects.filter(release=release).values_list("gate", flat=True))
    ranks = [("start", "roll_out", "complete", "after_rollback").index(gate) for gate in order]
    assert ranks == sorted(ranks)
    first = ticking.next_open(release)
    assert first is not None
    assert first.checklist.gate == "start"
