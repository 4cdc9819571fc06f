"""Flags as build-time variables, for teams that still bake them into a bundle. Pure.

``VITE_ENABLE_UNIVERSE_V2=true`` and ``VITE_UNIVERSE_V2_ROLLOUT_PERCENTAGE=25``: the first says
whether anybody is let in at all, the second where the dial stands. Rules, overrides and later turns
of the dial do not reach a bundle that is built; each export says so on top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from flags.core.percent import format_percent
from flags.core.specs import FlagSpec

PREFIX = "VITE_"


def enable_name(key: str, prefix: str = PREFIX) -> str:
    """Return the variable that says whether a flag is on.

    >>> enable_name("universe-v2"), percentage_name("universe-v2", prefix="")
    ('VITE_ENABLE_UNIVERSE_V2', 'UNIVERSE_V2_ROLLOUT_PERCENTAGE')
    """
    return f"{prefix}ENABLE_{_upper(key)}"


def percentage_name(key: str, prefix: str = PREFIX) -> str:
    """Return the variable that says where a flag's dial stands."""
    return f"{prefix}{_upper(key)}_ROLLOUT_PERCENTAGE"


def variables(flag: FlagSpec, prefix: str = PREFIX) -> dict[str, str]:
    """Return a flag's variables: off where it is killed or switched off, whatever the dial says.

    >>> variables(FlagSpec("x", "x", True, False, 12_500, "off", ()))
    {'VITE_ENABLE_X': 'true', 'VITE_X_ROLLOUT_PERCENTAGE': '12.5'}
    """
    dial = 0 if flag.killed or not flag.enabled else flag.dial
    return {
        enable_name(flag.key, prefix): json.dumps(dial > 0),
        percentage_name(flag.key, prefix): format_percent(dial),
    }


def dotenv(flags: Iterable[FlagSpec], *, environment: str, revision: int, prefix: str) -> str:
    """Return the lines of an environment file, with what it can't carry said in comments."""
    lines = [
        f"# Flags of {environment} at revision {revision}. What is built with them does not follow",
        "# a turned dial, a kill, rules or overrides: build anew, or ask at run time.",
    ]
    for flag in flags:
        if flag.rules or flag.overrides or flag.requires:
            lines.append(f"# {flag.key} also has rules, overrides or prerequisites: not in here.")
        lines += [f"{name}={value}" for name, value in variables(flag, prefix).items()]
    return "\n".join([*lines, ""])


def _upper(key: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", key.upper())
