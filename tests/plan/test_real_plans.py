"""Counts on whole plans: the real one, three strangers, and our own example."""

from __future__ import annotations

from decimal import Decimal

import pytest

from releasecontrol.plan.facts import Plan
from releasecontrol.plan.parse import counts, parse_plan
from tests.plan.conftest import shared_plan


@pytest.fixture
def real() -> Plan:
    return parse_plan(shared_plan("phase-12-cutover.md"))


def test_everything_in_the_real_plan_is_counted(real: Plan) -> None:
    assert counts(real) == {
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
        "sql_blocks": 3,
        "script_files": 8,
        "objectives": 8,
        "metrics_with_goal": 4,
    }


def test_the_head_and_the_foot_of_the_real_plan_are_read(real: Plan) -> None:
    assert real.title == "Phase 12: Deployment & Cutover Plan"
    assert real.date is not None
    assert real.date.isoformat() == "2026-02-15"
    assert (real.git_ref, real.status) == ("universe-v2-refactor", "In Progress")
    assert real.next_step.startswith("Create migration scripts")
    assert real.target_date_text == "1-2 weeks after Phase 11D completion"


def test_numbered_checkboxes_of_the_real_plan_are_strict(real: Plan) -> None:
    strict = [item for item in real.items if item.strict]
    assert [item.number for item in strict] == list(range(1, 11))
    assert {(item.checklist, item.gate) for item in strict} == {("During Deployment", "progress")}


def test_the_gates_of_the_real_plan_follow_its_headings(real: Plan) -> None:
    gates = {(item.checklist, item.section): item.gate for item in real.items}
    assert gates["Pre-Deployment", "Code"] == "start"
    assert gates["Security Considerations", "Pre-Deployment Security Review"] == "start"
    assert gates["Post-Deployment", "Monitoring"] == "complete"
    assert gates["Rollback Validation", "Post-Rollback Checks"] == "rollback"
    assert sum(item.gate == "start" for item in real.items) == 24


def test_success_criteria_of_the_real_plan_are_items(real: Plan) -> None:
    assert len(real.success_criteria) == 9


def test_the_stages_of_the_real_plan_keep_their_criteria(real: Plan) -> None:
    assert [(s.percentage, s.label, s.dwell_days, len(s.criteria)) for s in real.stages] == [
        (Decimal(10), "Week 1", 7.0, 3),
        (Decimal(25), "Week 2", 7.0, 3),
        (Decimal(50), "Week 3", 7.0, 3),
        (Decimal(100), "Week 4", 7.0, 3),
    ]


def test_the_two_rollout_schedules_of_the_real_plan_are_both_shown(real: Plan) -> None:
    finding = next(one for one in real.findings if one.code == "schedules-disagree")
    assert "25 % from day 8" in finding.message
    assert "25 % from day 4" in finding.message
    assert finding.lines == (271, 276, 281, 286, 511, 513, 517, 519)


def test_the_real_plan_needs_one_psql_variable_in_two_blocks(real: Plan) -> None:
    assert [block.variables for block in real.sql_blocks] == [(), ("user_id",), ("user_id",)]


def test_the_named_scripts_of_the_real_plan_have_their_roles(real: Plan) -> None:
    assert [script.role for script in real.script_files] == ["schema"] * 6 + ["data", "rollback"]


def test_json_sent_without_a_content_type_is_noticed_in_the_real_plan(real: Plan) -> None:
    assert [test.content_type_assumed for test in real.smoke_tests] == [True, False, True, True]
    assert real.smoke_tests[3].placeholders == ("universe_id",)
    assert all(test.references == ("TOKEN",) for test in real.smoke_tests)


def test_only_harmless_example_values_of_the_real_plan_are_kept(real: Plan) -> None:
    kept = {one.name: one.example for one in real.variables if one.example != "[hidden]"}
    assert kept == {
        "VITE_ENABLE_UNIVERSE_V2": "true",
        "VITE_UNIVERSE_V2_ROLLOUT_PERCENTAGE": "10",
        "VITE_ENVIRONMENT": "production",
        "NODE_ENV": "production",
        "PORT": "3002",
        "ENABLE_UNIVERSE_V2": "true",
        "UNIVERSE_V2_ROLLOUT_PERCENTAGE": "10",
    }


def test_the_symbols_of_the_real_plan_are_repaired(real: Plan) -> None:
    assert len(real.repaired_lines) == 23
    assert not any(phase.marked_done for phase in real.phases)  # they carry an hourglass
    assert [phase.code for phase in real.phases] == ["12A", "12B", "12C", "12D"]


@pytest.mark.parametrize(
    ("name", "items", "steps"),
    [
        ("database-rollout-checklist.md", 66, 5),
        ("kubernetes-cut-release.md", 11, 0),
        ("rails-releasing.md", 0, 2),
    ],
)
def test_plans_of_strangers_give_their_checkboxes_and_steps(
    name: str, items: int, steps: int
) -> None:
    plan = parse_plan(shared_plan(name))
    assert (len(plan.items), len(plan.steps)) == (items, steps)


def test_the_gates_of_a_strange_checklist_are_sensible() -> None:
    plan = parse_plan(shared_plan("database-rollout-checklist.md"))
    gates = {item.checklist: item.gate for item in plan.items}
    assert gates["Dependency Verification"] == "start"
    assert gates["Backup and Recovery"] == "start"
    assert gates["Pre-Deployment Checks"] == "start"
    assert gates["Migration Execution"] == "progress"
    assert gates["Business Validation"] == "complete"


def test_contacts_that_nobody_filled_in_are_marked() -> None:
    plan = parse_plan(shared_plan("database-rollout-checklist.md"))
    assert [contact.is_placeholder for contact in plan.contacts] == [True] * 4


def test_checkboxes_inside_comments_are_no_items() -> None:
    plan = parse_plan(shared_plan("kubernetes-cut-release.md"))
    assert all("Issue 1" not in item.text for item in plan.items)
    nested = [item for item in plan.items if item.section == "NoMock Run"]
    assert [item.text for item in nested] == ["Stage", "Image Promotion PR:", "Release"]


def test_everything_in_our_own_example_is_counted(example_plan: bytes) -> None:
    assert counts(parse_plan(example_plan)) == {
        "items": 28,
        "stages": 4,
        "triggers": 5,
        "alerts": 4,
        "metrics": 7,
        "scripts": 8,
        "smoke_tests": 4,
        "variables": 8,
        "timeline": 9,
        "not_understood": 0,
        "sql_blocks": 3,
        "script_files": 5,
        "objectives": 4,
        "metrics_with_goal": 4,
    }


def test_the_schedules_of_our_own_example_agree(example_plan: bytes) -> None:
    plan = parse_plan(example_plan)
    assert [stage.dwell_days for stage in plan.stages] == [2.0, 5.0, 3.0, 7.0]
    assert "schedules-disagree" not in {one.code for one in plan.findings}


def test_a_phase_with_a_tick_in_its_heading_is_marked_done(example_plan: bytes) -> None:
    phases = parse_plan(example_plan).phases
    assert [(one.code, one.marked_done) for one in phases] == [
        ("A1", True),
        ("A2", False),
        ("A3", False),
    ]


def test_every_kind_of_fact_stands_in_our_own_example(example_plan: bytes) -> None:
    plan = parse_plan(example_plan)
    empty = {name for name in plan.__slots__ if getattr(plan, name) == ()}
    assert empty == {"repaired_lines", "code_blocks"}


def test_our_own_smoke_tests_say_what_they_expect(example_plan: bytes) -> None:
    tests = parse_plan(example_plan).smoke_tests
    assert [(one.method, one.url, one.expected_status) for one in tests] == [
        ("POST", "http://127.0.0.1:8080/api/universes", 201),
        ("GET", "http://127.0.0.1:8080/api/universes", 200),
        ("POST", "http://127.0.0.1:8080/api/assets", 201),
        ("POST", "http://127.0.0.1:8080/api/projects", 201),
    ]
