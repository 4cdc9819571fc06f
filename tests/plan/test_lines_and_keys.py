"""Two promises: no line is lost, and a fact keeps its key when the plan is edited elsewhere."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from releasecontrol.plan.facts import Fact, Plan
from releasecontrol.plan.parse import parse_plan

FRAGMENTS = st.sampled_from(
    ["# Plan", "## Rollout", "## Timeline", "### Week 1: Start", "- [ ] check", "1. [x] step",
     "  - [ ] nested", "- 10% of users", "- **Day 1-2:** work", "**Automatic Rollback If:**",
     "- Error rate > 5%", "```bash", "```sql", "```", "UPDATE a SET b = :c;", "psql -f x.sql",
     "curl https://x.test/ \\", "  -d '{\"a\": 1}'", "NAME=value", "| a | b |", "| --- | --- |",
     "> quote", "> - [ ] quoted", "---", "===", "<!-- hidden", "-->", "<div>", "    indented",
     "", "Some prose.", "Steps:", "**Status:** Draft", "[ref]: https://x.test", "\t- tab", "-",
     "## Environment variables", "## Metrics", "## Alerts", "a -> b", "\\", "* * *", "+ plus"]
)  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30)
# The first line keeps the document from being empty, which is refused.
DOCUMENTS = st.lists(FRAGMENTS | WORDS, min_size=1, max_size=30).map(
    lambda lines: "\n".join(["Plan", *lines])
)


def _facts(plan: Plan) -> list[Fact]:
    found: list[Fact] = []
    for name in plan.__slots__:
        value = getattr(plan, name)
        found += [one for one in value if isinstance(one, Fact)] if isinstance(value, tuple) else []
    found += [criterion for stage in plan.stages for criterion in stage.criteria]
    found += [task for phase in plan.phases for task in phase.tasks]
    return found + [step for block in plan.shell_blocks for step in block.steps]


@given(DOCUMENTS)
@settings(deadline=None)
def test_every_line_is_mapped_exactly_once(document: str) -> None:
    plan = parse_plan(document.encode())
    lines = document.removesuffix("\n").split("\n")
    assert [line.line for line in plan.lines] == list(range(1, len(lines) + 1))
    for line, source in zip(plan.lines, lines, strict=True):
        assert line.kind != "blank" or not source.strip()


@given(DOCUMENTS)
@settings(deadline=None)
def test_keys_are_unique_and_every_reference_leads_to_a_fact(document: str) -> None:
    plan = parse_plan(document.encode())
    keys = [fact.key for fact in _facts(plan)]
    assert len(keys) == len(set(keys))
    assert {line.ref for line in plan.lines if line.ref} <= set(keys)


@given(DOCUMENTS)
@settings(deadline=None)
def test_a_fact_stands_on_a_line_of_the_plan(document: str) -> None:
    plan = parse_plan(document.encode())
    assert all(1 <= fact.line <= len(plan.lines) for fact in _facts(plan))


def test_keys_survive_a_new_section_above(example_plan: bytes) -> None:
    before = parse_plan(example_plan)
    edited = example_plan.replace(
        b"\n## ", b"\n## Background\n\nWhy we do it.\n\n- [ ] Read this first\n\n## ", 1
    )
    after = parse_plan(edited)
    assert [item.key for item in after.items[1:]] == [item.key for item in before.items]
    assert {fact.key for fact in _facts(before)} <= {fact.key for fact in _facts(after)}


def test_inserting_blank_lines_anywhere_changes_no_key(example_plan: bytes) -> None:
    before = parse_plan(example_plan)
    after = parse_plan(example_plan.replace(b"\n## ", b"\n\n\n\n## "))
    assert [fact.key for fact in _facts(after)] == [fact.key for fact in _facts(before)]


def test_a_ticked_box_keeps_its_key() -> None:
    open_box = parse_plan(b"# P\n\n## Before\n- [ ] Backup taken\n").items[0]
    ticked = parse_plan(b"# P\n\n## Before\n- [x] Backup taken\n").items[0]
    assert open_box.key == ticked.key
    assert (open_box.checked, ticked.checked) == (False, True)


def test_equal_items_in_one_list_get_keys_of_their_own() -> None:
    plan = parse_plan(b"# P\n\n## Before\n- [ ] Backup\n- [ ] Backup\n")
    assert [item.key for item in plan.items] == ["item:before/backup", "item:before/backup~2"]


def test_a_stage_keeps_its_key_when_its_percentage_changes() -> None:
    ten = parse_plan(b"# P\n\n## Rollout\n- Stage 1: 10% of users\n").stages[0]
    twelve = parse_plan(b"# P\n\n## Rollout\n- Stage 1: 12% of users\n").stages[0]
    assert ten.key == twelve.key
    assert ten.percentage != twelve.percentage


def test_a_key_stays_short_enough_for_a_column() -> None:
    plan = parse_plan(f"# P\n\n## {'long ' * 50}\n- [ ] {'words ' * 200}\n".encode())
    assert len(plan.items[0].key) <= 190
