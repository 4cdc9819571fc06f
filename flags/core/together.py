"""All flags at once: those that are a dial of whole percents, and most are, in one loop. Pure.

A call costs as much as what `dialing` does in it, and whoever asks for all flags asks for fifty. So
what those methods do is written out here once more; a test holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mmh3 import hash as ascii_digest_of

from flags.core.answers import Resolution, Resolver
from flags.core.attributes import Context
from flags.core.dialing import plain_dial
from flags.core.specs import TARGETING_KEY

Asker: TypeAlias = Callable[[Context], list[Resolution]]


def together(flags: Mapping[str, Resolver]) -> tuple[tuple[str, ...], Asker]:
    """Return the keys in an order of our own, and the function that answers them in that order."""
    plain = {key: dial for key in flags if (dial := plain_dial(flags[key], TARGETING_KEY))}
    others = {key: resolve for key, resolve in flags.items() if key not in plain}
    dials = [(one.prefix, one.dial, one.inside, one.outside) for one in plain.values()]
    one_by_one = tuple(one.resolve for one in plain.values())
    rest = tuple(others.values())

    def ask(context: Context) -> list[Resolution]:
        key = context.get(TARGETING_KEY)
        if type(key) is str and key and key.isascii():
            answers = [
                inside if ascii_digest_of(prefix + key, 0, False) % 100 < dial else outside  # noqa: FBT003
                for prefix, dial, inside, outside in dials
            ]
        else:
            answers = [resolve(context) for resolve in one_by_one]
        if rest:
            answers += [resolve(context) for resolve in rest]
        return answers

    return (*plain, *others), ask
