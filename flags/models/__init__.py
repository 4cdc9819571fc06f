"""Everything that flags keep in the database.

flags.py      what a flag is: its variants, segments and prerequisites
dials.py      a flag in one environment: dial, targeting rules, overrides
rollouts.py   the planned way of a dial, in stages
published.py  what was published at which revision: the ruleset's source and its history
changes.py    changes that wait: for an approval or for their time
samples.py    users to try a change on
usage.py      who asks for flags, how often, and what they were told
"""

from __future__ import annotations

from flags.models.changes import ProposedChange, ScheduledChange
from flags.models.dials import FlagState, Override, TargetingRule
from flags.models.flags import (
    FULL_DIAL,
    VARIANT_TOTAL,
    Flag,
    Prerequisite,
    Segment,
    Variant,
    key_validator,
)
from flags.models.published import RulesetEntry, RulesetRevision
from flags.models.rollouts import Rollout, Stage
from flags.models.samples import UserSample
from flags.models.usage import FlagClient, FlagUsage

__all__ = [
    "FULL_DIAL",
    "VARIANT_TOTAL",
    "Flag",
    "FlagClient",
    "FlagState",
    "FlagUsage",
    "Override",
    "Prerequisite",
    "ProposedChange",
    "Rollout",
    "RulesetEntry",
    "RulesetRevision",
    "ScheduledChange",
    "Segment",
    "Stage",
    "TargetingRule",
    "UserSample",
    "Variant",
    "key_validator",
]
