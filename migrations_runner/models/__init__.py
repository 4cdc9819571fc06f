"""Every model of the runner; the files say which belong together."""

from migrations_runner.models.batches import BackfillProgress, FanOutKey
from migrations_runner.models.data import DataBlock, DataPart
from migrations_runner.models.rehearsals import Rehearsal, RehearsedScript, RehearsedStatement
from migrations_runner.models.runs import AppliedScript, MigrationRun, RunScript, Statement
from migrations_runner.models.safety import (
    CheckResult,
    Hold,
    IntegrityBaseline,
    IntegrityFinding,
    ScriptCheck,
)
from migrations_runner.models.scripts import (
    LintSuppression,
    MigrationScript,
    ScriptVersion,
    content_hash,
)
from migrations_runner.models.targets import Backup, TargetReport

__all__ = [
    "AppliedScript",
    "BackfillProgress",
    "Backup",
    "CheckResult",
    "DataBlock",
    "DataPart",
    "FanOutKey",
    "Hold",
    "IntegrityBaseline",
    "IntegrityFinding",
    "LintSuppression",
    "MigrationRun",
    "MigrationScript",
    "Rehearsal",
    "RehearsedScript",
    "RehearsedStatement",
    "RunScript",
    "ScriptCheck",
    "ScriptVersion",
    "Statement",
    "TargetReport",
    "content_hash",
]
