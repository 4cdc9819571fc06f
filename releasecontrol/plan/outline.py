"""Where in the document we stand: the headings and the lead-in above a block. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from releasecontrol.plan.markdown import Block, plain
from releasecontrol.plan.vocabulary import Topic, names_a_part, topic_of

LEAD_IN = 7
_MAX_LEAD_IN = 90
_MAX_TITLE = 300

_OPENERS = frozenset("\"'([<$./")
_CLOSERS = frozenset("\"')]>%?!.+")
_DONE = ("✅", "✓", "✔", "✔️", "☑", "☑️")
_BOLD_FIELD = re.compile(
    r"^(?:\*\*|__)(?P<label>[^*_:]{1,60})(?:(?::(?:\*\*|__))|(?:(?:\*\*|__):))\s*(?P<value>.*)$"
)
_PLAIN_FIELD = re.compile(r"^(?P<label>[A-Z][\w ]{1,40}):\s+(?P<value>\S.*)$")
_BOLD_ONLY = re.compile(r"^(?:\*\*|__)(?P<label>[^*_]+)(?:\*\*|__):?$")


@dataclass(slots=True)
class Label:
    """A heading (level 1-6) or a lead-in (7)."""

    level: int
    text: str
    line: int
    topic: Topic | None
    marked_done: bool = False


@dataclass(slots=True)
class Outline:
    """The labels that hold for the block being read, outermost first."""

    labels: list[Label] = field(default_factory=list)

    def enter(self, level: int, raw: str, line: int) -> Label:
        """Take in a heading or lead-in; deeper ones end here."""
        raw = raw[:_MAX_TITLE]
        text = clean_title(raw)
        self.labels = [one for one in self.labels if one.level < level]
        label = Label(level, text, line, self._topic(text), plain(raw).endswith(_DONE))
        self.labels.append(label)
        return label

    def _topic(self, text: str) -> Topic | None:
        # A part with nothing above to explain it ("Phase 3: Rollback triggers") explains itself.
        alone = names_a_part(text) and not any(self.topics())
        return topic_of(text.partition(":")[2].strip()) if alone else topic_of(text)

    def at(self, level: int) -> str:
        """The heading of exactly this level, or empty."""
        return next((label.text for label in self.labels if label.level == level), "")

    @property
    def inner_first(self) -> list[Label]:
        """All labels but the document's title, deepest first."""
        return [label for label in reversed(self.labels) if label.level > 1]

    @property
    def texts(self) -> list[str]:
        return [label.text for label in self.inner_first]

    @property
    def path(self) -> list[str]:
        """The labels below the title, outermost first: the stem of every key."""
        return self.texts[::-1]

    @property
    def nearest(self) -> str:
        """The deepest heading or lead-in, the title included."""
        return self.labels[-1].text if self.labels else ""

    @property
    def section(self) -> str:
        """What subdivides a checklist: the lead-in, else a heading below the third level."""
        return self.at(LEAD_IN) or self.at(6) or self.at(5) or self.at(4)

    def topics(self) -> Iterator[Topic]:
        """The meanings in force, nearest first."""
        return (label.topic for label in self.inner_first if label.topic)

    def about(self, topic: Topic) -> bool:
        return topic in self.topics()


def clean_title(raw: str) -> str:
    """A heading's words without leading or trailing symbols and without a final colon.

    >>> clean_title("🎯 Phase 12 **Objectives** ✅"), clean_title("Steps:"), clean_title("完了")
    ('Phase 12 Objectives', 'Steps', '完了')
    """
    text = plain(raw)
    start, end = 0, len(text)
    while start < end and not (text[start].isalnum() or text[start] in _OPENERS):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in _CLOSERS):
        end -= 1
    return text[start:end] or text


def lead_in_of(line: str, following: Block | None, *, alone: bool) -> str | None:
    """The label a line gives to the list or code below it, or None for an ordinary line.

    A bold label with a colon always is one; any other bold line only right above a list, a table
    or code, and a short plain line ending in a colon only where it also stands ``alone``.
    """
    bold = _BOLD_ONLY.match(line.strip())
    opens = following is not None and following.kind in {"entry", "fence", "table"}
    if bold and (opens or line.strip().rstrip("*_").endswith(":")):
        return bold["label"]
    short = alone and opens and line.rstrip().endswith(":") and len(line) <= _MAX_LEAD_IN
    return line.strip() if short else None


def field_of(line: str, *, bold_only: bool = True) -> tuple[str, str] | None:
    """Label and value of a line such as ``**Status:** In Progress``.

    >>> field_of("**Branch:** `main`"), field_of("Owner: Ana")
    (('Branch', 'main'), None)
    >>> field_of("Owner: Ana", bold_only=False)
    ('Owner', 'Ana')
    """
    found = _BOLD_FIELD.match(line.strip()) or (
        None if bold_only else _PLAIN_FIELD.match(line.strip())
    )
    if not found or not found["value"].strip():
        return None
    return found["label"].strip(), plain(found["value"])
