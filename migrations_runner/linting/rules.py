"""What a rule is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from migrations_runner.linting.context import Context
from migrations_runner.linting.findings import Finding, Hit, Level


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: `on` names the parser's statements that `look` is asked about."""

    id: str
    level: Level
    on: tuple[str, ...]
    look: Callable[[Context], Iterable[Hit]]
    why: str
    safe_form: str

    def findings(self, at: Context) -> Iterator[Finding]:
        for hit in self.look(at):
            where = at.seen.view.place(hit.location) if hit.location else None
            line, column = where or (at.statement.line, at.statement.column)
            level = hit.level or self.level
            yield Finding(
                self.id, level, line, column, hit.message, self.why, self.safe_form, hit.rewrite
            )
