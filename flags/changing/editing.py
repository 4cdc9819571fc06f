"""Writing down a flag itself: its variants make sense, every environment has it, all are told.

What it is called and who owns it is saved as typed. What decides about answers may
have to wait for other people, and is then one proposal.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from flags.changing.publishing import published_specs
from flags.changing.reaching import publish_everywhere
from flags.changing.reading import flag_specs
from flags.changing.replacing import Impossible
from flags.core.faults import flag_faults
from flags.models import VARIANT_TOTAL, Flag, FlagState, Variant
from releases import timeline
from releases.models import Environment
from releases.refusals import Refused
from releases.timeline import Actor


class VariantsDoNotFit(Refused):
    """These variants make no flag."""


def faults(variants: Sequence[Variant]) -> list[str]:
    """Return what is wrong with a flag's variants taken together; empty means nothing."""
    off = [variant for variant in variants if variant.is_off]
    names = [variant.name for variant in variants]
    total = sum(variant.weight for variant in variants)
    found = []
    if len(off) != 1:
        found.append("Exactly one variant is the off variant.")
    if len(set(names)) != len(names):
        found.append("Two variants have the same name.")
    if total != VARIANT_TOTAL:
        found.append(f"The weights add up to {total}, not to {VARIANT_TOTAL}.")
    return found


def _refuse_what_cannot_be(flag: Flag, environment: Environment) -> None:
    specs, segments = published_specs(environment)
    for spec in flag_specs(environment, [flag]):
        wrong = flag_faults(spec, specs, segments)
        if wrong:
            raise Impossible(spec.key, wrong)


def take(flag: Flag) -> None:
    """Lock a flag's dials before its variants are written, as carrying out a proposal does.

    Call it in a transaction.
    """
    rows = FlagState.objects.select_for_update(of=("self",), no_key=True)
    list(rows.filter(flag=flag).order_by("pk").values_list("pk"))


@transaction.atomic
def settle(*, flag: Flag, actor: Actor, created: bool) -> None:
    """Finish writing a flag: on and off for a boolean one without variants, a dial everywhere.

    Call it in the transaction that wrote the rows. Raises VariantsDoNotFit, NotPermitted, and
    reaching.ReachNeedsApproval where what the rows say lets more in and others have to approve.
    """
    actor.require("flags.add_flag" if created else "flags.change_flag")
    if flag.kind == Flag.Kind.BOOLEAN and not flag.variants.exists():
        Variant.objects.create(flag=flag, name="on", value=True, weight=VARIANT_TOTAL)
        Variant.objects.create(flag=flag, name="off", value=False, is_off=True, position=1)
    wrong = faults(list(flag.variants.all()))
    if wrong:
        raise VariantsDoNotFit(" ".join(wrong))
    for environment in Environment.objects.all():
        FlagState.objects.get_or_create(flag=flag, environment=environment)
        _refuse_what_cannot_be(flag, environment)
    publish_everywhere(flag, actor.name)
    timeline.record(
        actor=actor,
        verb="flag.create" if created else "flag.edit",
        subject=flag,
        release=flag.release,
        data={variant.name: variant.weight for variant in flag.variants.all()},
    )
