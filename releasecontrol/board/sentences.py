"""From an event's verb and facts to a sentence that follows its actor's name.

The timeline keeps facts, not prose, so the wording can get better without touching history. A verb
that is not in the table is shown by its own words rather than hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from releases.states import RELEASE_TONES, ReleaseState

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Sentence:
    """What stands behind the actor's name; `detail` is the reason or note they gave."""

    text: str
    tone: str = "quiet"
    detail: str = ""


#: verb -> (tone, words around the subject's label)
_PLAIN: dict[str, tuple[str, str]] = {
    "item.tick": ("good", "ticked “{label}”"),
    "item.untick": ("warn", "took back “{label}”"),
    "item.ask_waiver": ("warn", "asked to waive “{label}”"),
    "item.confirm_waiver": ("info", "confirmed the waiver of “{label}”"),
    "item.refuse_waiver": ("quiet", "did not waive “{label}”"),
    "item.begin": ("active", "began “{label}”"),
    "item.block": ("bad", "is blocked on “{label}”"),
    "item.annotate": ("quiet", "noted something on “{label}”"),
    "item.edit": ("quiet", "edited “{label}”"),
    "item.add": ("quiet", "added the item “{label}”"),
    "flag.switch_on": ("active", "switched {label} on"),
    "flag.switch_off": ("warn", "switched {label} off"),
    "flag.rearm": ("warn", "re-armed {label}; its dial stays at 0 %"),
    "person.join": ("quiet", "accepted the invitation"),
    "person.invite": ("quiet", "invited {label}"),
    "token.issue": ("quiet", "issued the token {label}"),
    "token.revoke": ("warn", "revoked the token {label}"),
    "release.create": ("quiet", "created the release"),
    "checklist.edit": ("quiet", "edited the phase “{label}”"),
    "target.forget_identity": ("warn", "let another database answer for {label}"),
    "targetdatabase.create": ("quiet", "added the target {label}"),
    "targetdatabase.edit": ("quiet", "edited the target {label}"),
    "environment.create": ("quiet", "added the environment {label}"),
    "environment.edit": ("quiet", "edited the environment {label}"),
    "release.edit": ("quiet", "edited the release"),
    "sample.upload": ("quiet", "uploaded the sample {label}"),
    "sample.ask": ("quiet", "asked a target for the sample {label}"),
    "flag.target": ("active", "changed who gets {label}"),
    "flag.archive": ("quiet", "archived the flag {label}"),
    "flag.restore": ("info", "took the flag {label} back from the archive"),
    "segment.create": ("quiet", "made the segment {label}"),
    "segment.edit": ("active", "changed the segment {label}"),
    "segment.archive": ("quiet", "archived the segment {label}"),
    "flag.copy": ("active", "copied {label} from another environment"),
    "flag.import": ("active", "imported {label} from a file"),
    "flag_change.schedule": ("info", "scheduled a change: {label}"),
    "flag_change.cancel": ("quiet", "cancelled a scheduled change: {label}"),
    "flag_change.refuse": ("bad", "could not carry out a scheduled change: {label}"),
    "flag_change.propose": ("info", "proposed a change: {label}"),
    "flag_change.approve": ("good", "approved a change: {label}"),
    "flag_change.withdraw": ("quiet", "withdrew a change: {label}"),
    "flag_change.carry_out": ("active", "carried out an approved change: {label}"),
    "flag.create": ("quiet", "created the flag {label}"),
    "flag.edit": ("quiet", "edited the flag {label}"),
    "script.create": ("quiet", "added the script {label}"),
    "script.edit": ("quiet", "edited the script {label}"),
    "script.attach": ("quiet", "attached the file {label}"),
    "run.queue": ("info", "queued {label}"),
    "run.start": ("active", "started {label}"),
    "run.succeed": ("good", "finished {label}"),
    "run.fail": ("bad", "could not finish {label}"),
    "run.cancel": ("warn", "asked to cancel {label}"),
    "run.cancelled": ("warn", "stopped {label}: it was cancelled"),
    "run.lose": ("warn", "lost {label}: its worker is gone, being checked"),
    "run.requeue": ("info", "put {label} back into the queue"),
    "run.settle": ("info", "settled by hand what {label} left open"),
    "run.pause": ("warn", "asked {label} to rest"),
    "run.paused": ("warn", "let {label} rest; its target waits with it"),
    "run.resume": ("active", "let {label} go on"),
    "run.resumed": ("active", "goes on with {label}"),
    "run.approve": ("good", "approved {label}"),
    "run.withdraw_approval": ("warn", "withdrew the approval of {label}"),
    "run.undo": ("warn", "asked to take rows back: {label}"),
    "rehearsal.request": ("info", "asked for {label}"),
    "rehearsal.cancel": ("warn", "cancelled {label}"),
    "rehearsal.cancelled": ("warn", "stopped {label}; its clone is gone"),
    "rehearsal.pass": ("good", "passed {label}"),
    "rehearsal.fail": ("bad", "did not pass {label}"),
    "rehearsal.requeue": ("info", "begins {label} anew: its worker was gone"),
    "backup.request": ("info", "asked for {label}"),
    "backup.verify": ("good", "took and verified {label}"),
    "backup.fail": ("bad", "could not take {label}"),
    "backup.stop": ("warn", "stopped {label}"),
    "backup.attest": ("info", "vouched for {label}"),
    "backup.remove": ("quiet", "removed {label}: its time was over"),
    "target.hold": ("bad", "held {label}: no queued run begins there"),
    "target.look": ("info", "asked a worker to look at {label}"),
    "target.lift_hold": ("active", "lifted the hold on {label}"),
    "finding.open": ("bad", "found rows that contradict each other: {label}"),
    "finding.resolve": ("good", "no longer finds: {label}"),
    "finding.accept": ("warn", "accepted as it is: {label}"),
    "script.allow": ("warn", "allowed a lint rule in {label}"),
    "script.disallow": ("info", "lets a lint rule count again in {label}"),
    "scriptcheck.create": ("quiet", "added the check “{label}”"),
    "scriptcheck.edit": ("quiet", "edited the check “{label}”"),
    "smoke.run": ("info", "ran the smoke test “{label}”"),
    "smoke.run_suite": ("info", "ran the smoke tests"),
}


def sentence(verb: str, label: str, data: Facts) -> Sentence:
    """What the actor did, in words.

    >>> sentence("item.tick", "Backup created", {"note": "in S3"})
    Sentence(text='ticked “Backup created”', tone='good', detail='in S3')
    >>> sentence("flag.turn_dial", "universe-v2 on Production", {"before": "0", "after": "10"}).text
    'turned universe-v2 on Production from 0 % to 10 %'
    >>> sentence("moon.phase_seen", "the moon", {}).text
    'moon: phase seen (the moon)'
    """
    made = _SPECIAL.get(verb)
    if made is not None:
        return made(label, data)
    tone, words = _PLAIN.get(verb, ("quiet", ""))
    text = words.format(label=label) if words else _unknown(verb, label)
    return Sentence(text, tone, _detail(data))


def _unknown(verb: str, label: str) -> str:
    entity, _, action = verb.partition(".")
    return f"{entity}: {action.replace('_', ' ')} ({label})"


def _detail(data: Facts) -> str:
    return str(data.get("reason") or data.get("note") or data.get("error") or "")


def _move(_label: str, data: Facts) -> Sentence:
    after = data.get("after")
    if after not in set(ReleaseState):
        return Sentence("moved the release", "quiet", _detail(data))
    state = ReleaseState(str(after))
    words = f"moved the release to {state.label.lower()}"
    return Sentence(words, RELEASE_TONES[state], _detail(data))


def _signoff(label: str, data: Facts) -> Sentence:
    role = data.get("role", "a role")
    if data.get("go"):
        return Sentence(f"signed off “{label}” for {role}", "good", _detail(data))
    return Sentence(f"said no to “{label}” for {role}", "bad", _detail(data))


def _dial(label: str, data: Facts) -> Sentence:
    steps = _steps(data)
    return Sentence(f"turned {label}{steps}", "active", _detail(data))


def _steps(data: Facts) -> str:
    known = "before" in data and "after" in data
    return f" from {data['before']} % to {data['after']} %" if known else ""


def _import(_label: str, data: Facts) -> Sentence:
    version = data.get("version")
    again = isinstance(version, int) and version > 1
    return Sentence(f"imported the plan again, version {version}" if again else "imported the plan")


def _kill(label: str, data: Facts) -> Sentence:
    before = f" (it was {data['before']} %)" if "before" in data else ""
    return Sentence(f"killed {label}: dial to 0 %{before}", "bad", _detail(data))


_SPECIAL: dict[str, Callable[[str, Facts], Sentence]] = {
    "release.move": _move,
    "release.import_plan": _import,
    "gate.sign_off": _signoff,
    "flag.turn_dial": _dial,
    "flag.kill": _kill,
}
