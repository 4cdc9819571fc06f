"""What every room that takes part in a run is handed: the run in its worker, one script at work.

Rooms import this module and never `execution`, which imports them (through `hooks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Self

from migrations_runner import ledger, session
from migrations_runner.claims import Claim
from migrations_runner.ledger import Connection, Key
from migrations_runner.models import MigrationRun, RunScript, ScriptCheck, Statement
from migrations_runner.output import Notices
from migrations_runner.progress import Keeper, Progress, patiently
from migrations_runner.script import Script
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.sending import Sender
from migrations_runner.stalls import Watch
from migrations_runner.states import StepState
from releases.models import TargetDatabase

#: Stands around a script's statements, inside its transaction.
Guard = Callable[["Work"], AbstractContextManager[None]]


@dataclass
class RunAtWork:
    """One run in a worker. `connection` is the locked session on the target, in autocommit mode."""

    held: Claim
    connection: Connection
    keeper: Keeper
    progress: Progress
    watch: Watch
    guards: Sequence[Guard] = ()
    safety_ms: float = 0.0
    """Milliseconds that the data-safety checks of this run took so far: they share one budget."""
    checks: list[ScriptCheck] = field(default_factory=list)
    """The release's own questions, as they were before the first script."""
    _observer: Connection | None = field(default=None, repr=False)

    @property
    def run(self) -> MigrationRun:
        return self.held.run

    @property
    def target(self) -> TargetDatabase:
        return self.held.run.target

    @cached_property
    def scripts(self) -> list[RunScript]:
        """In their order, with all that is asked of them; what a run consists of never changes."""
        shelf = self.run.scripts.select_related("script").order_by("position")
        ready = shelf.prefetch_related("statements", "script__suppressions")
        return patiently(lambda: list(ready))

    def observer(self) -> Connection:
        """A second autocommit session on the target: it sees only what is committed.

        Opened when first asked for, closed with the run. Raises TargetUnreachable.
        """
        if self._observer is None or self._observer.closed:
            self._observer = session.another(self.target, self.run.pk)
        return self._observer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._observer is not None:
            self._observer.close()


@dataclass
class Work:
    """One script at work. `standing` is what the target's ledger said of it before we began."""

    run: RunAtWork
    script: RunScript
    key: Key
    text: Script
    standing: ledger.Entry | None
    notices: Notices
    limits: dict[int, float] = field(default_factory=dict)
    """Milliseconds that a statement, by its index, may take: known from its rehearsal."""
    waiting: Statement | None = None
    """The row of a statement that is about to be tried again."""
    sender: Sender = field(init=False)
    rows: dict[int, Statement] = field(init=False)
    steps: list[tuple[ParsedStatement, Statement]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {row.index: row for row in self.script.statements.all()}
        self.steps = [(statement, self.rows[statement.index]) for statement in self.text.statements]
        self.begin_again()

    @property
    def connection(self) -> Connection:
        return self.run.connection

    def begin_again(self) -> None:
        """Forget what psql would remember of the statements sent so far: the script starts anew."""
        self.sender = Sender(self.connection, self.text, self.run.run.variables)
        for _, row in self.steps:
            if row.state != StepState.PENDING:
                self.run.progress.end(row, StepState.PENDING, rows=None, ms=None, output="")

    @contextmanager
    def guarded(self, guards: Sequence[Guard] | None = None) -> Iterator[None]:
        """Enter this inside a transaction, behind the ledger row; leave it just before COMMIT.

        The guards, those of the run or others, may say a refusal at last: it rolls everything back.
        """
        with ExitStack() as stack:
            for guard in self.run.guards if guards is None else guards:
                stack.enter_context(guard(self))
            yield
