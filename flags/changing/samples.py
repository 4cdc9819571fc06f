"""Users to try a change on: uploaded, or asked of a target from above; forgotten after a while.

Refused
├── blast.UnreadableSample
├── blast.SampleTooLarge
├── EmptySample
└── NoSuchSample
"""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from flags.changing.publishing import published_specs
from flags.core.blast import Blast, UnreadableSample, compare, contexts_of
from flags.core.compiling import compile_ruleset
from flags.core.specs import FlagSpec
from flags.models import UserSample
from releases import timeline
from releases.models import Environment
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

KEEP = timedelta(days=30)
PERMISSION = "flags.turn_dial"


class EmptySample(Refused):
    """There is no user in this sample; nothing was kept."""


class NoSuchSample(Refused):
    """There is no sample of that name, or it holds nobody yet; nothing was counted."""


@transaction.atomic
def upload(*, name: str, text: str, actor: Actor) -> UserSample:
    """Keep a sample under a name; one that has it is replaced.

    Raises EmptySample, UnreadableSample, SampleTooLarge, NotPermitted.
    """
    actor.require(PERMISSION)
    users = sum(1 for _ in contexts_of(text))
    if not users:
        raise EmptySample
    sample = _named(name)
    sample.text, sample.users, sample.error = text.replace("\x00", ""), users, ""
    sample.target = sample.query = ""
    sample.asked_at, sample.made_by = None, actor.name[:200]
    return _kept(sample, "sample.upload", actor)


@transaction.atomic
def ask(*, name: str, target: str, query: str, actor: Actor) -> UserSample:
    """Write down which query of which target shall fill a sample; a worker answers.

    Raises UnreadableSample, NotPermitted.
    """
    actor.require(PERMISSION)
    sample = _named(name)
    sample.target, sample.query = target, query
    sample.made_at, sample.error, sample.made_by = None, "", actor.name[:200]
    return _kept(sample, "sample.ask", actor, asked=True)


@transaction.atomic
def keep_answer(*, sample: UserSample, text: str = "", error: str = "") -> bool:
    """Keep what a worker found, unless the sample was asked anew or replaced meanwhile."""
    users = sum(1 for _ in contexts_of(text)) if not error else 0
    if not error and not users:
        error = "The query answered no user."
    waiting = UserSample.objects.filter(pk=sample.pk, asked_at=sample.asked_at)
    values = {"error": redact(error)} if error else {"text": text, "users": users, "error": ""}
    return bool(waiting.update(made_at=Now(), **values))


def forget() -> int:
    """For the timetable: samples are people's keys, so they go after `KEEP`."""
    return UserSample.objects.filter(made_at__lt=Now() - KEEP).delete()[0]


def blast_radius(*, sample: str, environment: Environment, after: FlagSpec) -> Blast:
    """Count over a sample what a flag would change for its users, with all that it stands on.

    Raises NoSuchSample.
    """
    found = UserSample.objects.filter(name=sample).exclude(users=0).first()
    if found is None:
        raise NoSuchSample(f"Given: “{sample[:60]}”.")
    specs, segments = published_specs(environment)
    before = compile_ruleset(specs, segments).flags.get(after.key)
    changed = compile_ruleset({**specs, after.key: after}, segments).flags.get(after.key)
    return compare(before, changed, after.off_variant, contexts_of(found.text))


def _named(name: str) -> UserSample:
    locked = UserSample.objects.select_for_update(of=("self",), no_key=True)
    return locked.filter(name=name.strip()).first() or UserSample(name=name.strip())


def _kept(sample: UserSample, verb: str, actor: Actor, *, asked: bool = False) -> UserSample:
    try:
        sample.full_clean(validate_unique=False)
    except ValidationError as wrong:
        raise UnreadableSample(" ".join(wrong.messages)) from None
    sample.save()
    moment = {"asked_at": Now()} if asked else {"made_at": Now()}
    UserSample.objects.filter(pk=sample.pk).update(**moment)
    sample.refresh_from_db()
    facts = {"users": sample.users, "target": sample.target}
    timeline.record(actor=actor, verb=verb, subject=sample, data=facts)
    return sample
