"""A rehearsal from its claim to its end; each room's refusal becomes its error.

What each script found is kept as the original's fingerprint plus what the scripts before it had
changed on the clone. So a clone that was restored from a dump, and is not the original to the last
character, still says what the original will look like at that point.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from migrations_runner import fingerprints, ledger, session
from migrations_runner.failures import told
from migrations_runner.fingerprints import Fingerprint
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationScript, RehearsedScript, RunScript
from migrations_runner.rehearsal import claims, cloning, performing
from migrations_runner.rehearsal.claims import Claim, Pulse
from migrations_runner.rehearsal.cloning import Clone, Order
from migrations_runner.rehearsal.performing import Part, Stage
from migrations_runner.states import RehearsalState
from releases.redaction import redact_tree
from releases.refusals import Refused

log = logging.getLogger(__name__)

_WAL_NOTE = "WAL is the distance that the server's log moved: others on this server add to it."


class DownDoesNotUndo(Refused):
    """A down script does not bring back the schema that its script found."""


def rehearse(rehearsal_id: int) -> None:
    """Claim a rehearsal and carry it out; does nothing where there is nothing to claim."""
    held = claims.claim(rehearsal_id)
    if held is None:
        return
    notes: list[str] = []
    with Pulse(held) as pulse:
        error = _tried(held, pulse, notes)
    if pulse.stop.is_set():
        claims.forget_clone(rehearsal_id, held.clone_name)
        return
    state = RehearsalState.FAILED if error else RehearsalState.PASSED
    claims.finish(held, state, error=error, notes=redact_tree(notes))


def _tried(held: Claim, pulse: Pulse, notes: list[str]) -> str:
    """What went wrong, or ''."""
    try:
        _carry_out(held, pulse, notes)
    except Refused as refused:
        return refused.message
    except psycopg.Error as error:
        log.warning("rehearsal %s: %s", held.rehearsal.pk, told(error))
        return f"The rehearsal broke off; the target was not touched. {told(error)}"
    return ""


def _carry_out(held: Claim, pulse: Pulse, notes: list[str]) -> None:
    run = held.rehearsal.run
    order = Order(run.target, held.clone_name, held.application_name, pulse.wait)
    with cloning.made(order) as clone:
        notes += clone.notes
        claims.write(held, clone_kind=clone.kind, server_version=clone.server_version[:60])
        place, name = clone.place, held.application_name
        with (
            place.session(name, clone.name) as connection,
            place.session(name, clone.name) as beside,
        ):
            pulse.interrupt = _canceller(connection)
            session.try_lock(connection)  # as in a run; nobody else knows of the clone
            ledger.prepare(connection)
            stage = Stage(run, connection, beside, pulse.wait, notes)
            try:
                _Course(held, clone, stage).take()
            finally:
                pulse.interrupt = None
    notes.append(_WAL_NOTE)


def _canceller(connection: Connection) -> Callable[[], None]:
    def interrupt() -> None:
        try:
            connection.cancel_safe(timeout=2.0)
        except psycopg.Error:
            log.info("a cancel request did not reach the clone; it is sent again")

    return interrupt


@dataclass
class _Found:
    """A script of the run, performed, and the clone's schema before it."""

    script: RunScript
    before: Fingerprint


class _Course:
    """The scripts of a run on a clone: up, and where it is asked for down and up again."""

    def __init__(self, held: Claim, clone: Clone, stage: Stage) -> None:
        self._held, self._clone, self._stage = held, clone, stage
        self._start = fingerprints.take(stage.connection)
        self._position = 0

    def take(self) -> None:
        done: list[_Found] = []
        for script in self._stage.run.scripts.select_related("script"):
            found = self._up(script)
            done += [found] if found else []
        if self._held.rehearsal.with_down:
            self._down_and_up(done)

    def _up(self, script: RunScript) -> _Found | None:
        before = fingerprints.take(self._stage.connection)
        part = performing.part_of(self._stage.run, script)
        written = self._write(part, before)
        assert part.key is not None  # noqa: S101  (part_of always gives one)
        standing = ledger.read(self._stage.connection, part.key)
        if standing is not None and standing.state == ledger.APPLIED:
            self._stage.notes.append(f"{script.name} stands on the target already.")
            self._finish(written, before)
            return None
        if not self._bind(script, part):
            self._finish(written, before)
            return None
        self._perform(part, written)
        return _Found(script, before)

    def _bind(self, script: RunScript, part: Part) -> bool:
        """Give a script that fans out the first row's values; False when there is no row."""
        if script.mode == MigrationScript.Mode.BACKFILL:
            self._stage.notes.append(f"{script.name} was rehearsed as one script, not in batches.")
        if script.mode != MigrationScript.Mode.FAN_OUT:
            return True
        row = performing.first_row(self._stage, script)
        if row is None:
            self._stage.notes.append(f"{script.name}: its driver query gives no row here.")
            return False
        self._stage.notes.append(f"{script.name} was rehearsed with the first row of its query.")
        part.values = {**part.values, **row}
        return True

    def _down_and_up(self, done: list[_Found]) -> None:
        taken_back: list[_Found] = []
        for found in reversed(done):
            down = _down_of(found.script)
            if down is None:
                self._stage.notes.append(
                    f"{found.script.name} has no down script; nothing before it was taken back."
                )
                break
            self._down(found, down)
            taken_back.insert(0, found)
        for found in taken_back:
            part = performing.part_of(self._stage.run, found.script)
            part.key, part.name = None, f"again: {part.name}"
            if self._bind(found.script, part):
                now = fingerprints.take(self._stage.connection)
                self._perform(part, self._write(part, now))

    def _down(self, found: _Found, down: MigrationScript) -> None:
        part = performing.down_part(self._stage.run, down)
        part.name = f"down: {part.name}"
        now = fingerprints.take(self._stage.connection)
        self._perform(part, self._write(part, now))
        left = fingerprints.take(self._stage.connection)
        other = fingerprints.difference(found.before.parts, left.parts)
        if other:
            raise DownDoesNotUndo(f"After {down.name}: {'; '.join(other)}.")

    def _perform(self, part: Part, written: RehearsedScript) -> None:
        performing.perform(self._stage, part, written)
        self._finish(written, fingerprints.take(self._stage.connection))

    def _write(self, part: Part, now: Fingerprint) -> RehearsedScript:
        """A row for a script that is about to be performed."""
        changes = fingerprints.patch(self._start.parts, now.parts)
        expected = fingerprints.patched(self._clone.original.parts, changes)
        written = RehearsedScript.objects.create(
            rehearsal=self._held.rehearsal,
            position=self._position,
            name=part.name[:200],
            sha256=performing.sha256_of(part),
            fingerprint_before=expected.digest,
            # The first has the whole schema, each other only what came since.
            parts_before=changes if self._position else expected.parts,
        )
        self._position += 1
        return written

    def _finish(self, written: RehearsedScript, now: Fingerprint) -> None:
        changes = fingerprints.patch(self._start.parts, now.parts)
        expected = fingerprints.patched(self._clone.original.parts, changes)
        written.fingerprint_after = expected.digest
        written.save(update_fields=["fingerprint_after"])


def _down_of(script: RunScript) -> MigrationScript | None:
    """The script that takes this one back, as it stands now."""
    return MigrationScript.objects.filter(reverts=script.script_id).exclude(text="").first()
