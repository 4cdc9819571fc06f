"""Single constructs, in the shapes people really write them."""

from __future__ import annotations

from decimal import Decimal
from textwrap import dedent

import pytest

from releasecontrol.plan.curl import read_curl
from releasecontrol.plan.facts import Plan
from releasecontrol.plan.parse import parse_plan
from releasecontrol.plan.sql import psql_variables
from releasecontrol.plan.thresholds import parse_threshold
from releasecontrol.plan.vocabulary import gate_of


def _read(text: str) -> Plan:
    return parse_plan(dedent(text).encode())


def test_checkboxes_count_in_every_list_shape() -> None:
    plan = _read("""
        # P
        ## Before
        - [ ] dash
        * [x] star
        + [X] plus
        1. [ ] first
        2) [ ] second
        - [] no space
        > - [ ] quoted
    """)
    assert [(item.text, item.checked, item.number) for item in plan.items] == [
        ("dash", False, None),
        ("star", True, None),
        ("plus", True, None),
        ("first", False, 1),
        ("second", False, 2),
        ("no space", False, None),
        ("quoted", False, None),
    ]


def test_steps_survive_when_the_first_one_is_deleted() -> None:
    plan = _read("# P\n## During\n**Steps:**\n2. [ ] Migrate\n   all rows\n3. [ ] Deploy\n")
    assert [(item.number, item.text, item.section) for item in plan.items] == [
        (2, "Migrate all rows", "Steps"),
        (3, "Deploy", "Steps"),
    ]


def test_a_link_in_brackets_is_no_checkbox() -> None:
    assert _read("# P\n## Before\n- [x](https://x.test)\n").items == ()


def test_a_link_in_an_item_is_kept_beside_its_words() -> None:
    item = _read("# P\n- [ ] Update the [guide](https://x.test/g) now\n").items[0]
    assert (item.text, item.links) == ("Update the guide now", ("https://x.test/g",))


def test_an_item_over_two_lines_is_one_item_and_claims_both() -> None:
    plan = _read("# P\n- [ ] Take a backup\n  and restore it\n")
    assert plan.items[0].text == "Take a backup and restore it"
    assert [line.ref for line in plan.lines[1:]] == [plan.items[0].key] * 2


def test_a_plan_without_headings_still_has_a_checklist() -> None:
    item = _read("- [ ] Only this\n").items[0]
    assert (item.checklist, item.group, item.gate) == ("Checklist", "Checklist", "complete")


@pytest.mark.parametrize(
    ("labels", "gate"),
    [
        (["Code", "Pre-Deployment"], "start"),
        (["Two days before"], "start"),
        (["Preparation"], "start"),
        (["Cutover steps"], "progress"),
        (["During Deployment"], "progress"),
        (["Back-out validation", "After"], "rollback"),
        (["Sign-off"], "complete"),
        (["Something else"], "complete"),
        (["Steps", "Post-Deployment"], "complete"),
    ],
)
def test_the_gate_is_told_by_the_headings(labels: list[str], gate: str) -> None:
    assert gate_of(labels) == gate


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("## Rollout plan", "**Week 1: 5% of users**\n- criterion"),
        ("## Rollout plan", "### Stage 1 - 5%\n- criterion"),
        ("## 4. Canary stages", "- 5% for 2 days\n  - criterion"),
        ("## Ramp-up", "| Share | Length |\n| --- | --- |\n| 5% | 2 days |"),
    ],
)
def test_a_stage_is_found_in_each_usual_shape(heading: str, line: str) -> None:
    stages = parse_plan(f"# P\n\n{heading}\n\n{line}\n".encode()).stages
    assert [stage.percentage for stage in stages] == [Decimal(5)]


def test_percentages_outside_a_rollout_are_no_stages() -> None:
    assert _read("# P\n## Capacity\n- 80% of disks are free\n").stages == ()


def test_a_stage_that_shrinks_is_pointed_out() -> None:
    plan = _read("# P\n## Rollout\n- 50% for 1 day\n- 25% for 1 day\n")
    assert "stages-not-growing" in {finding.code for finding in plan.findings}


@pytest.mark.parametrize(
    ("text", "operator", "value", "unit"),
    [
        ("Error rate > 5%", ">", "5", "%"),
        ("p95 latency ≥ 1.5 s", ">=", "1.5", "s"),
        ("Latency above 800ms for 10 minutes", ">", "800", "ms"),
        ("Orders (target: at least 1,200)", ">=", "1200", ""),
        ("Availability: goal >= 99.95 %", ">=", "99.95", "%"),
    ],
)
def test_a_limit_is_read_from_a_sentence(text: str, operator: str, value: str, unit: str) -> None:
    limit = parse_threshold(text)
    assert limit is not None
    assert (limit.operator, limit.value, limit.unit) == (operator, Decimal(value), unit)


@pytest.mark.parametrize("text", ["Critical bug discovered", "Failures over 5 minutes", "10 users"])
def test_a_sentence_without_a_limit_has_none(text: str) -> None:
    assert parse_threshold(text) is None


def test_a_trigger_is_manual_unless_the_plan_says_automatic() -> None:
    plan = _read("# P\n## Rollback triggers\n- Error rate > 5%\n- Automatically: API down\n")
    assert [trigger.mode for trigger in plan.triggers] == ["manual", "automatic"]


def test_an_alert_names_its_consequence() -> None:
    plan = _read("# P\n## Alerts\n**Critical:**\n- Disk > 90% -> page the team\n")
    alert = plan.alerts[0]
    assert (alert.severity, alert.condition) == ("critical", "Disk > 90%")
    assert alert.consequence == "page the team"


def test_psql_variables_are_found_outside_quotes_only() -> None:
    sql = """
        /* :in_comment */ SELECT :a, :'b', :"c", ':quoted', d::text, $$ :in_body $$
        FROM t -- :in_line
        WHERE e = :a
    """
    assert psql_variables(sql) == ("a", "b", "c")


def test_sql_that_never_closes_its_quote_ends_quietly() -> None:
    assert psql_variables("SELECT :a, 'open :b") == ("a",)


def test_script_files_are_named_in_order_and_once() -> None:
    plan = _read("""
        # P
        ## Apply
        ```sh
        psql -v who=1 --file=db/1_schema.sql --file db/2_backfill.sql
        psql "$URL" \\
          -f db/1_schema.sql
        psql "$URL" < db/3_undo.sql
        ```
    """)
    assert [(one.path, one.role, one.variables) for one in plan.script_files] == [
        ("db/1_schema.sql", "schema", ("who",)),
        ("db/2_backfill.sql", "data", ("who",)),
        ("db/3_undo.sql", "rollback", ()),
    ]


def test_a_secret_written_into_a_request_is_replaced_by_a_reference() -> None:
    request = read_curl(["curl", "https://x.test/", "-H", "Authorization: Bearer s3cr3t-value"])
    assert request is not None
    assert request.headers == [("Authorization", "Bearer $AUTHORIZATION")]
    assert request.references == ("AUTHORIZATION",)


def test_a_request_with_options_we_do_not_read_is_not_understood() -> None:
    plan = _read("""
        # P
        ## Smoke tests
        ```bash
        curl -u ana:pw https://x.test/
        curl https://x.test/ok
        ```
    """)
    assert [test.url for test in plan.smoke_tests] == ["https://x.test/ok"]
    assert [line.line for line in plan.not_understood] == [5]
    assert "pw" not in plan.not_understood[0].text


def test_a_curl_in_a_rollback_is_a_step_and_no_smoke_test() -> None:
    plan = _read("# P\n## Rollback\n```bash\n# Look\ncurl https://x.test/\n```\n")
    assert plan.smoke_tests == ()
    assert plan.shell_blocks[0].role == "rollback"
    assert plan.shell_blocks[0].steps[0].title == "Look"


def test_no_value_of_a_variable_is_kept_that_may_be_a_secret() -> None:
    plan = _read("""
        # P
        ## Environment variables
        ```
        export API_TOKEN=123456
        DATABASE_URL=postgres://ana:hunter2@db/prod
        DEBUG=false
        TIMEOUT=30 # seconds
        EMPTY=
        ```
        - `CACHE_URL`: where pages are kept
    """)
    shown = {one.name: (one.example, one.is_placeholder) for one in plan.variables}
    assert shown == {
        "API_TOKEN": ("[hidden]", False),
        "DATABASE_URL": ("[hidden]", False),
        "DEBUG": ("false", False),
        "TIMEOUT": ("30", False),
        "EMPTY": ("", True),
        "CACHE_URL": ("", False),
    }
    assert "hunter2" not in repr(plan)


def test_assignments_in_a_rollback_are_commands_and_no_variables() -> None:
    plan = _read("# P\n## Rollback\n```bash\nexport FLAG=false\n```\n")
    assert plan.variables == ()
    assert plan.shell_blocks[0].steps[0].commands == ("export FLAG=false",)


def test_prose_is_listed_as_not_understood_with_its_number() -> None:
    plan = _read("# P\n\nRemember to breathe.\n\n## Before\n- [ ] a\n")
    assert [(line.line, line.text) for line in plan.not_understood] == [(3, "Remember to breathe.")]


def test_two_statuses_that_differ_are_pointed_out() -> None:
    plan = _read("# P\n**Status:** Draft\n\n## Before\n- [ ] a\n\n**Phase status:** Done\n")
    assert plan.status == "Draft"
    assert "statuses-disagree" in {finding.code for finding in plan.findings}


def test_the_title_may_stand_in_front_matter() -> None:
    plan = _read("---\ntitle: Cut 1.2\n---\n## Steps\n- [ ] a\n")
    assert plan.title == "Cut 1.2"


def test_names_in_any_script_survive() -> None:
    plan = _read("# خطة الإطلاق\n## Before\n- [ ] نسخة احتياطية 📦\n")
    assert plan.title == "خطة الإطلاق"
    assert plan.items[0].text == "نسخة احتياطية 📦"
    assert plan.items[0].key == "item:before/نسخة-احتياطية"
