"""List lines to facts: what a line means is told by the headings above it. Pure.

One reader per topic, in the table at the end. A reader returns the key of the fact it made, or
None when the line has not the shape it knows; then the next heading outwards is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from releasecontrol.plan import facts, vocabulary
from releasecontrol.plan.draft import Draft
from releasecontrol.plan.ledger import NOT_UNDERSTOOD
from releasecontrol.plan.markdown import Block, links_of, plain
from releasecontrol.plan.rollout import read_stage_entry, read_timeline_entry
from releasecontrol.plan.thresholds import parse_threshold
from releasecontrol.plan.variables import variable_in_entry

Reader = Callable[[Draft, Block, str], str | None]

# Whoever writes more than this in one line writes prose, which is for people to read.
MAX_TEXT = 2_000
_ARROW = re.compile(r"\s*(?:→|⇒|⟶|->|=>|—>)\s*")
_DASH = re.compile(r"\s+[-–—]\s+|:\s+|:$")
_NAME_END = re.compile(r"\s[(\[]|:\s")
_GROUP_TAIL = re.compile(r"\b(?:metrics?|kpis?|slos?|indicators?)\b", re.IGNORECASE)
_TO_FILL_IN = re.compile(r"\[[^\]]*\]|<[^>]*>|\bTB[DA]\b|^$", re.IGNORECASE)


def read_list_line(draft: Draft, block: Block) -> None:
    """Turn one list line into a fact, or note that it was not understood."""
    text = plain(block.text) if len(block.text) <= MAX_TEXT else ""
    draft.text_of_line[block.start] = text
    kind, ref = _claim(draft, block, text)
    draft.ledger.put(block.line_numbers, kind, ref)


def _claim(draft: Draft, block: Block, text: str) -> tuple[str, str]:
    if not text:
        return NOT_UNDERSTOOD, ""
    if block.checked is not None:
        return "item", _add_item(draft, block, text)
    if block.start in draft.lines_above_items:
        return "lead_in", ""
    if block.parent in draft.stage_of_line:
        return "stage", read_stage_entry(draft, block, text) or ""
    return _by_topic(draft, block, text)


def _by_topic(draft: Draft, block: Block, text: str) -> tuple[str, str]:
    for topic in draft.outline.topics():
        reader = READERS.get(topic)
        if reader and (ref := reader(draft, block, text)):
            return topic, ref
    if block.number is not None:
        return "steps", _add_step(draft, block, text, "procedure")
    return NOT_UNDERSTOOD, ""


def _add_item(draft: Draft, block: Block, text: str) -> str:
    outline = draft.outline
    above = draft.text_of_line.get(block.parent, "")
    group = outline.at(2) or draft.title or "Checklist"
    item = facts.Item(
        key=draft.keys.make("item", [*outline.path, above], text),
        line=block.start,
        text=text,
        checked=bool(block.checked),
        number=block.number,
        checklist=outline.at(3) or group,
        group=group,
        section=above or outline.section,
        gate=vocabulary.gate_of(outline.texts),
        strict=block.number is not None,
        position=len(draft.items) + 1,
        is_success_criterion=outline.about("success"),
        links=links_of(block.text),
    )
    draft.items.append(item)
    return item.key


def _add_step(draft: Draft, block: Block, text: str, purpose: facts.StepPurpose) -> str:
    section = draft.outline.nearest
    step = facts.Step(
        key=draft.key("step", text),
        line=block.start,
        number=_number(block, sum(one.section == section for one in draft.steps)),
        text=text,
        section=section,
        purpose=purpose,
    )
    draft.steps.append(step)
    return step.key


def _number(block: Block, already: int) -> int:
    """The line's own number, or its place among its like."""
    return already + 1 if block.number is None else block.number


def _statement(draft: Draft, kind: str, block: Block, text: str) -> facts.Statement:
    key = draft.key(kind, text)
    return facts.Statement(key=key, line=block.start, text=text, section=draft.outline.nearest)


def _objective(draft: Draft, block: Block, text: str) -> str | None:
    key = draft.key("objective", text)
    number = _number(block, len(draft.objectives))
    draft.objectives.append(facts.Objective(key=key, line=block.start, number=number, text=text))
    return key


def _task(draft: Draft, block: Block, text: str) -> str | None:
    if not draft.open_phase:
        return None
    task = _statement(draft, "task", block, text)
    draft.open_phase.tasks.append(task)
    return task.key


def _strategy(draft: Draft, block: Block, text: str) -> str | None:
    if block.number is None:
        return _principle(draft, block, text)
    return _add_step(draft, block, text, "strategy")


def _principle(draft: Draft, block: Block, text: str) -> str | None:
    draft.principles.append(_statement(draft, "principle", block, text))
    return draft.principles[-1].key


def _rollback_step(draft: Draft, block: Block, text: str) -> str | None:
    return _add_step(draft, block, text, "rollback")


def _procedure_step(draft: Draft, block: Block, text: str) -> str | None:
    in_rollback = draft.outline.about("rollback")
    return _add_step(draft, block, text, "rollback" if in_rollback else "procedure")


def _pre_check(draft: Draft, block: Block, text: str) -> str | None:
    return _migration_check(draft, block, text, "pre")


def _post_check(draft: Draft, block: Block, text: str) -> str | None:
    return _migration_check(draft, block, text, "post")


def _migration_check(draft: Draft, block: Block, text: str, when: facts.When) -> str:
    key = draft.key(f"{when}-check", text)
    draft.migration_checks.append(
        facts.MigrationCheck(key=key, line=block.start, when=when, text=text)
    )
    return key


def _trigger(draft: Draft, block: Block, text: str) -> str | None:
    key = draft.key("trigger", text)
    mode = vocabulary.mode_of([text, *draft.outline.texts])
    limit = parse_threshold(text)
    draft.triggers.append(
        facts.Trigger(key=key, line=block.start, mode=mode, text=text, threshold=limit)
    )
    return key


def _alert(draft: Draft, block: Block, text: str) -> str | None:
    condition, *consequence = _ARROW.split(text, maxsplit=1)
    if not condition:
        return None
    alert = facts.AlertRule(
        key=draft.key("alert", text),
        line=block.start,
        severity=vocabulary.severity_of(draft.outline.texts),
        condition=condition,
        threshold=parse_threshold(condition),
        consequence=consequence[0] if consequence else "",
    )
    draft.alerts.append(alert)
    return alert.key


def _metric(draft: Draft, block: Block, text: str) -> str | None:
    goal = parse_threshold(text)
    name = goal.metric if goal else _NAME_END.split(text, maxsplit=1)[0].strip()
    if not name:
        return None
    key = draft.key("metric", name)
    group = " ".join(_GROUP_TAIL.sub(" ", draft.outline.nearest).split())
    draft.metrics.append(facts.Metric(key=key, line=block.start, name=name, group=group, goal=goal))
    return key


def _tool(draft: Draft, block: Block, text: str) -> str | None:
    name, purpose = _split_pair(text)
    key = draft.key("tool", name)
    draft.tools.append(facts.Tool(key=key, line=block.start, name=name, purpose=purpose))
    return key


def _variable(draft: Draft, block: Block, _text: str) -> str | None:
    named = variable_in_entry(block.text.strip())
    if not named:
        return None
    variable = facts.Variable(
        key=draft.key("variable", named[0]),
        line=block.start,
        name=named[0],
        section=draft.outline.nearest,
        example="",
        is_placeholder=False,
        comment=plain(named[1]),
    )
    draft.variables.append(variable)
    return variable.key


def _security(draft: Draft, block: Block, text: str) -> str | None:
    draft.security.append(_statement(draft, "security", block, text))
    return draft.security[-1].key


def _communication(draft: Draft, block: Block, text: str) -> str | None:
    draft.communications.append(_statement(draft, "communication", block, text))
    return draft.communications[-1].key


def _contact(draft: Draft, block: Block, text: str) -> str | None:
    role, duty = _split_pair(text)
    contact = facts.Contact(
        key=draft.key("contact", role),
        line=block.start,
        role=role,
        text=duty,
        is_placeholder=bool(_TO_FILL_IN.search(duty)),
    )
    draft.contacts.append(contact)
    return contact.key


def _escalation(draft: Draft, block: Block, text: str) -> str | None:
    key = draft.key("escalation", text)
    level = _number(block, len(draft.escalations))
    draft.escalations.append(facts.Escalation(key=key, line=block.start, level=level, text=text))
    return key


def _split_pair(text: str) -> tuple[str, str]:
    """Name and remark of a line.

    >>> _split_pair("Sentry - Error tracking"), _split_pair("Product: feedback"), _split_pair("Ana")
    (('Sentry', 'Error tracking'), ('Product', 'feedback'), ('Ana', ''))
    """
    name, *rest = _DASH.split(text, maxsplit=1)
    return name.strip(), rest[0].strip() if rest else ""


READERS: dict[vocabulary.Topic, Reader] = {
    "objective": _objective,
    "phase": _task,
    "strategy": _strategy,
    "principle": _principle,
    "pre_check": _pre_check,
    "post_check": _post_check,
    "stage": read_stage_entry,
    "timeline": read_timeline_entry,
    "trigger": _trigger,
    "alert": _alert,
    "metric": _metric,
    "tool": _tool,
    "variable": _variable,
    "security": _security,
    "communication": _communication,
    "contact": _contact,
    "escalation": _escalation,
    "rollback": _rollback_step,
    "steps": _procedure_step,
}
