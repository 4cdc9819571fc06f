"""A release plan in Markdown to typed facts. Pure.

The plan is read by structure: headings tell the topic (``vocabulary``), the shape of a line tells
what it says (``entries``, ``codeblocks``, ``head``). Every line ends in the account of
``Plan.lines``, as part of a fact, as structure, or as not understood.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from releasecontrol.plan.codeblocks import read_fence
from releasecontrol.plan.draft import Draft, PhaseDraft, StageDraft
from releasecontrol.plan.encoding import Decoded, decode
from releasecontrol.plan.facts import Phase, Plan, Stage
from releasecontrol.plan.findings import findings_of
from releasecontrol.plan.head import first_value, read_field
from releasecontrol.plan.ledger import NOT_UNDERSTOOD
from releasecontrol.plan.listlines import MAX_TEXT, read_list_line
from releasecontrol.plan.markdown import Block, blocks_of
from releasecontrol.plan.outline import LEAD_IN, Label, clean_title, field_of, lead_in_of
from releasecontrol.plan.rollout import open_stage
from releasecontrol.plan.tables import read_table
from releasecontrol.plan.thresholds import parse_date

_PHASE = re.compile(
    r"^(?P<word>phase\s+)?(?P<code>\d{1,3}[A-Z]|[A-Z]\d{1,3}|\d{1,3})\s*[:.)–—-]\s*(?P<title>\S.*)$",
    re.IGNORECASE,
)


def parse_plan(data: bytes) -> Plan:
    """Everything a plan says, from the bytes of its file.

    Raises a PlanRefused (see ``encoding``) for what is empty, binary, too large, wrongly encoded,
    too long or too deeply nested. Any other text gives a Plan, if need be one without facts.
    """
    decoded = decode(data)
    blocks = blocks_of(decoded.text)
    draft = Draft(decoded.lines)
    draft.lines_above_items = frozenset(
        block.parent for block in blocks if block.checked is not None
    )
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        _read_block(draft, block, following)
    return _finish(draft, decoded, hashlib.sha256(data).hexdigest())


def counts(plan: Plan) -> dict[str, int]:
    """How much of each kind was found. ``scripts`` are SQL blocks and script files together."""
    return {
        "items": len(plan.items),
        "stages": len(plan.stages),
        "triggers": len(plan.triggers),
        "alerts": len(plan.alerts),
        "metrics": len(plan.metrics),
        "scripts": len(plan.sql_blocks) + len(plan.script_files),
        "smoke_tests": len(plan.smoke_tests),
        "variables": len({variable.name for variable in plan.variables}),
        "timeline": len(plan.timeline),
        "not_understood": len(plan.not_understood),
        "sql_blocks": len(plan.sql_blocks),
        "script_files": len(plan.script_files),
        "objectives": len(plan.objectives),
        "metrics_with_goal": sum(metric.goal is not None for metric in plan.metrics),
    }


def _read_block(draft: Draft, block: Block, following: Block | None) -> None:
    match block.kind:
        case "heading":
            _read_heading(draft, block)
        case "paragraph":
            _read_paragraph(draft, block, following)
        case "entry":
            _read_list_line(draft, block)
        case "fence":
            read_fence(draft, block)
        case "table":
            read_table(draft, block)
        case "front_matter":
            _read_front_matter(draft, block)
        case "rule":
            draft.ledger.put(block.line_numbers, "rule")
        case "html" | "indented":
            hidden = block.text.strip().startswith("<!--") and block.text.strip().endswith("-->")
            draft.ledger.put(block.line_numbers, "comment" if hidden else NOT_UNDERSTOOD)


def _read_heading(draft: Draft, block: Block) -> None:
    label = draft.outline.enter(block.level, block.text, block.start)
    if not draft.title:
        draft.title = label.text
    _close_phase(draft, label)
    kind, ref = _open(draft, label) or ("heading", "")
    draft.ledger.put(block.line_numbers, kind, ref)


def _open(draft: Draft, label: Label) -> tuple[str, str] | None:
    """Begin what a label stands for: a stage or a phase."""
    if open_stage(draft, label):
        return "stage", draft.stages[-1].key
    if label.level < LEAD_IN and _open_phase(draft, label):
        return "phase", draft.phases[-1].key
    return None


def _open_phase(draft: Draft, label: Label) -> bool:
    found = _PHASE.match(label.text)
    if not found or not (found["word"] or draft.outline.about("phase")) or label.level == 1:
        return False
    key = draft.key_of_label("phase", found["code"])
    title = found["title"].strip()
    draft.open_phase = PhaseDraft(key, label.line, found["code"], title, label.marked_done)
    draft.phases.append(draft.open_phase)
    return True


def _close_phase(draft: Draft, label: Label) -> None:
    phase = draft.open_phase
    if phase and all(one.line != phase.line for one in draft.outline.labels if one is not label):
        draft.open_phase = None


def _read_paragraph(draft: Draft, block: Block, following: Block | None) -> None:
    lines = block.text.split("\n")
    last = len(lines) - 1
    for index, line in enumerate(lines):
        number = block.start + index
        if len(line) > MAX_TEXT:
            draft.ledger.put([number], NOT_UNDERSTOOD)
            continue
        labelled = field_of(line, bold_only=bool(draft.outline.at(2)))
        lead_in = lead_in_of(line, following if index == last else None, alone=last == 0)
        if labelled and read_field(draft, *labelled, number):
            continue
        if lead_in is None:
            draft.ledger.put([number], NOT_UNDERSTOOD)
        else:
            _enter_lead_in(draft, lead_in, number)


def _enter_lead_in(draft: Draft, text: str, number: int) -> None:
    label = draft.outline.enter(LEAD_IN, text, number)
    kind, ref = _open(draft, label) or ("lead_in", "")
    draft.ledger.put([number], kind, ref)


def _read_list_line(draft: Draft, block: Block) -> None:
    """A list line; before the first section it may be a field of the document's head."""
    in_head = block.checked is None and not draft.outline.at(2)
    labelled = field_of(block.text, bold_only=False) if in_head else None
    if not (labelled and read_field(draft, *labelled, block.start)):
        read_list_line(draft, block)


def _read_front_matter(draft: Draft, block: Block) -> None:
    draft.ledger.put([block.start, block.end - 1], "rule")
    for number, line in enumerate(block.text.split("\n"), block.start + 1):
        label, colon, value = line.partition(":")
        if colon and value.strip():
            read_field(draft, label.strip(), value.strip().strip("\"'"), number)
    draft.title = clean_title(first_value(draft, "title"))


def _finish(draft: Draft, decoded: Decoded, digest: str) -> Plan:
    date_text = first_value(draft, "date")
    plan = Plan(
        title=draft.title,
        digest=digest,
        date=parse_date(date_text),
        date_text=date_text,
        git_ref=first_value(draft, "git_ref"),
        status=first_value(draft, "status"),
        target=first_value(draft, "target"),
        next_step=first_value(draft, "next_step"),
        target_date_text=first_value(draft, "target_date"),
        phases=tuple(map(_phase, draft.phases)),
        stages=tuple(_stage(one, position) for position, one in enumerate(draft.stages, 1)),
        repaired_lines=decoded.repaired_lines,
        lines=draft.ledger.close(),
        fields=tuple(draft.fields),
        items=tuple(draft.items),
        objectives=tuple(draft.objectives),
        principles=tuple(draft.principles),
        steps=tuple(draft.steps),
        migration_checks=tuple(draft.migration_checks),
        triggers=tuple(draft.triggers),
        alerts=tuple(draft.alerts),
        metrics=tuple(draft.metrics),
        tools=tuple(draft.tools),
        sql_blocks=tuple(draft.sql_blocks),
        script_files=tuple(draft.script_files),
        shell_blocks=tuple(draft.shell_blocks),
        smoke_tests=tuple(draft.smoke_tests),
        variables=tuple(draft.variables),
        flag_code=tuple(draft.flag_code),
        code_blocks=tuple(draft.code_blocks),
        timeline=tuple(draft.timeline),
        security=tuple(draft.security),
        contacts=tuple(draft.contacts),
        communications=tuple(draft.communications),
        escalations=tuple(draft.escalations),
    )
    return replace(plan, findings=findings_of(plan))


def _phase(draft: PhaseDraft) -> Phase:
    return Phase(
        key=draft.key,
        line=draft.line,
        code=draft.code,
        title=draft.title,
        duration=draft.duration,
        duration_days=draft.duration_days,
        goal=draft.goal,
        tasks=tuple(draft.tasks),
        marked_done=draft.marked_done,
    )


def _stage(draft: StageDraft, position: int) -> Stage:
    return Stage(
        key=draft.key,
        line=draft.line,
        percentage=draft.percentage,
        label=draft.label,
        dwell_days=draft.dwell_days,
        criteria=tuple(draft.criteria),
        position=position,
    )
