"""Tables of a plan, read row by row as if each were a list line. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from releasecontrol.plan.draft import Draft
from releasecontrol.plan.listlines import read_list_line
from releasecontrol.plan.markdown import Block
from releasecontrol.plan.vocabulary import Topic

_CELL_END = re.compile(r"(?<!\\)\|")
_HEADER_LINES = 2
_JOINERS: dict[Topic, str] = {"alert": " → ", "metric": " ", "trigger": " ", "stage": " "}


def read_table(draft: Draft, block: Block) -> None:
    """Head and rule are structure; each row becomes a fact where its heading tells the meaning."""
    draft.ledger.put(range(block.start, block.start + _HEADER_LINES), "table")
    topic = next(draft.outline.topics(), None)
    joiner = _JOINERS.get(topic, ": ") if topic else ": "
    for number in range(block.start + _HEADER_LINES, block.end):
        text = joiner.join(cells_of(draft.lines[number - 1]))
        row = replace(block, kind="entry", text=text, start=number, end=number + 1)
        read_list_line(draft, row)


def cells_of(line: str) -> list[str]:
    """The filled cells of a table row.

    >>> cells_of("| Error rate | < 1% |  |")
    ['Error rate', '< 1%']
    """
    return [cell.strip() for cell in _CELL_END.split(line) if cell.strip()]
