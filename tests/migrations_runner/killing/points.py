"""The registry of every named point at which workers are killed; docs/kill-points.md lists it.

The product knows nothing of this: a point is a function of it that is wrapped in the victim.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """Where to die: before, after or during the nth call of a function.

    `when` is also "when leaving", for a function that gives a context manager: all inside is done.
    """

    name: str
    function: str
    when: str = "after"
    nth: int = 1
    scene: str = "plain"
    """What the worker works at; see the room's tests."""
    act: str = "execute"
    """What the victim does: `execute`, `reap`, `rehearse` or `back_up`."""
    deaths: int = 2
    """So many workers in a row die there, where what is left passes there again."""


_COMMIT = "migrations_runner.one_transaction:_attempt"
_DO = "migrations_runner.steps:do"
_LEDGER = "migrations_runner.ledger"
_CLAIMS = "migrations_runner.claims"

SCRIPTS = [
    Point("after the claim", f"{_CLAIMS}:claim"),
    Point("after the session is open", "migrations_runner.session:require_lock"),
    Point("after the script is marked running", "migrations_runner.progress:Progress.mark"),
    Point("before the ledger row", f"{_LEDGER}:record_applied", "before"),
    Point("after the ledger row", f"{_LEDGER}:record_applied"),
    Point("between two statements", _DO),
    Point("in the middle of a statement", _DO, "during", scene="slow"),
    Point("all done, before COMMIT", "migrations_runner.work:Work.guarded", "when leaving"),
    Point("after COMMIT", _COMMIT, scene="pair"),
    Point("between two scripts", f"{_CLAIMS}:applied", scene="pair", deaths=1),
    Point("after the progress is written", "migrations_runner.progress:Progress.write"),
    Point("before the run is finished", f"{_CLAIMS}:finish", "before"),
    Point("after the run is finished", f"{_CLAIMS}:finish"),
]
#: Statements that can't be in a transaction. Whoever goes on begins with another statement, so one
#: worker dies there and no second one.
APART = [
    Point("after it is noted as begun", f"{_LEDGER}:record_started", scene="apart", deaths=1),
    Point(
        "after a statement and its note",
        "migrations_runner.one_by_one:_Pages._attempt",
        scene="apart",
        deaths=1,
    ),
    Point("after the intent", f"{_LEDGER}:note_progress", nth=2, scene="apart", deaths=1),
    Point("during CREATE INDEX CONCURRENTLY", _DO, "during", 2, scene="blocked", deaths=1),
    Point("after the effect, before its note", _DO, nth=2, scene="apart", deaths=1),
    Point(
        "after the invalid index is dropped",
        "migrations_runner.index_probes:_drop",
        scene="trap",
        deaths=1,
    ),
    Point("before it is noted as done", f"{_LEDGER}:record_finished", "before", scene="apart"),
    Point("after it is noted as done", f"{_LEDGER}:record_finished", scene="apart"),
]
REAPER = [
    Point("after the fence", "migrations_runner.resolving:_fence", act="reap"),
    Point("before its verdict", f"{_CLAIMS}:end_lost", "before", act="reap"),
]
#: Here a kill takes a tenth of a second or so.
QUICK = frozenset((*SCRIPTS, *APART, *REAPER))
_BACKFILL = "migrations_runner.backfill"
BACKFILL = [
    Point("after the parts are laid out", f"{_BACKFILL}.cursors:lay_out", scene="backfill"),
    Point("in a batch, before its COMMIT", f"{_BACKFILL}.cursors:advance", nth=2, scene="backfill"),
    Point("after a batch's COMMIT", f"{_BACKFILL}.batching:moved", "before", 2, scene="backfill"),
    Point("between two batches", f"{_BACKFILL}.batching:find", "before", 3, scene="backfill"),
    Point("before it is noted as done", f"{_LEDGER}:record_finished", "before", scene="backfill"),
]
_FAN_OUT = "migrations_runner.fan_out"
FAN_OUT = [
    Point("in a key, before its COMMIT", f"{_FAN_OUT}.marks:applied", nth=2, scene="fan-out"),
    Point("between two keys", f"{_FAN_OUT}.carry_out:run_key", nth=2, scene="fan-out"),
    Point("before it is noted as done", f"{_LEDGER}:record_finished", "before", scene="fan-out"),
]
_UNDO = "migrations_runner.undo"
UNDO = [
    Point("capture written, not committed", f"{_UNDO}.capturing:_keep", scene="capture"),
    Point("capture committed", _COMMIT, scene="capture"),
    Point("undo begun", f"{_UNDO}.restoring:captures_of", scene="undo"),
    Point("rows restored, not committed", f"{_UNDO}.restoring:_put_back", scene="undo"),
    Point("taken off the ledger, not committed", f"{_UNDO}.restoring:flip", scene="undo"),
    Point("committed, not recorded", f"{_UNDO}.restoring:_in_one_transaction", scene="undo"),
    Point("before the undo is finished", f"{_CLAIMS}:finish", "before", scene="undo"),
]
_REHEARSAL = "migrations_runner.rehearsal"
REHEARSAL = [
    Point("after the claim", f"{_REHEARSAL}.claims:claim", act="rehearse"),
    Point("after the clone is made", f"{_REHEARSAL}.cloning:_copy", act="rehearse"),
    Point(
        "before the sample of the rows",
        f"{_REHEARSAL}.sampling:fill",
        "before",
        scene="sampled",
        act="rehearse",
    ),
    Point("after a statement", f"{_REHEARSAL}.performing:Observer.after", act="rehearse"),
    Point("before it is finished", f"{_REHEARSAL}.claims:finish", "before", act="rehearse"),
]
_BACKUP = "migrations_runner.backup"
BACKUP = [
    Point("after the dump is written", f"{_BACKUP}.taking:_dump", act="back_up"),
    Point("before it is recorded", f"{_BACKUP}.claims:end", "before", act="back_up"),
    Point("after it is recorded", f"{_BACKUP}.claims:end", act="back_up"),
]

REGISTRY = {
    "A script in one transaction": SCRIPTS,
    "Statements that can't be in a transaction": APART,
    "The reaper, after a worker died": REAPER,
    "A backfill": BACKFILL,
    "A fan-out": FAN_OUT,
    "A row-exact undo": UNDO,
    "A rehearsal": REHEARSAL,
    "A backup": BACKUP,
}


def as_told() -> list[str]:
    """The lines of the table in the docs.

    >>> as_told()[0]
    '| A script in one transaction | after the claim | after `claims.claim` |'
    """
    return [
        f"| {room} | {point.name} | {_where(point)} |"
        for room, points in REGISTRY.items()
        for point in points
    ]


def _where(point: Point) -> str:
    module, _, function = point.function.partition(":")
    called = f"`{module.removeprefix('migrations_runner.')}.{function}`"
    return f"{point.when} {called}" + (f", call {point.nth}" if point.nth > 1 else "")
