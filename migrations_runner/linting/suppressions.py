r"""Findings that a comment in the script lets stand: ``-- rc: allow <rule>: <reason>``. Pure.

The comment stands on a line of the statement or above it. It allows one rule, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from migrations_runner.linting.findings import Finding

_COMMENT = re.compile(r"--[ \t]*rc:[ \t]*allow[ \t]+(?P<rule>[\w-]+)[ \t]*(?::[ \t]*(?P<why>.*))?$")


@dataclass(frozen=True, slots=True)
class Allowed:
    """`first` to `last` are the lines of the statement that the comment is about."""

    rule: str
    reason: str
    line: int
    column: int
    first: int
    last: int

    def covers(self, finding: Finding) -> bool:
        return self.rule == finding.rule and self.first <= finding.line <= self.last


def allowed(text: str, spans: Iterable[tuple[int, int]]) -> list[Allowed]:
    """The comments of a script; `spans` are the first and last line of each statement."""
    standing = list(spans)
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _COMMENT.search(line.rstrip("\r"))
        if match:
            span = next((s for s in standing if s[1] >= number), (number, number))
            reason = (match["why"] or "").strip()
            place = (number, match.start() + 1)
            found.append(Allowed(match["rule"], reason, *place, min(span[0], number), span[1]))
    return found


def settled(findings: Iterable[Finding], comments: list[Allowed]) -> Iterator[Finding]:
    """The findings, those that a comment allows marked; and what is wrong with the comments."""
    used = set()
    for finding in findings:
        ally = next((each for each in comments if each.covers(finding)), None)
        used.add(ally)
        yield replace(finding, allowed=ally.reason) if ally and ally.reason else finding
    for each in comments:
        if not each.reason:
            yield _about(each, "suppression-without-reason", "warning", "says not why")
        elif each not in used:
            yield _about(each, "suppression-unused", "advice", "allows nothing that is there")


def _about(comment: Allowed, rule: str, level: str, words: str) -> Finding:
    return Finding(
        rule,
        "warning" if level == "warning" else "advice",
        comment.line,
        comment.column,
        f"This comment about {comment.rule} {words}.",
        "What was allowed once is read again by people who were not there.",
        "-- rc: allow <rule>: <reason>, on the statement's line or above it.",
    )
