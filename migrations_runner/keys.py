"""Under which key a target's ledger knows a script of a run."""

from __future__ import annotations

import hashlib
import json

from migrations_runner.ledger import Key
from migrations_runner.models import MigrationRun, RunScript
from migrations_runner.variables import find


def release_key(run: MigrationRun) -> str:
    return run.release.slug if run.release else ""


def key_of(run: MigrationRun, script: RunScript) -> Key:
    """Release, name, and a digest of the values that this script uses."""
    values = values_digest(run, script)
    return Key(release_key(run), script.name, values, script.sha256, script.role, script.reverts)


def values_digest(run: MigrationRun, script: RunScript) -> str:
    """The first 32 hex digits of SHA-256 over the used values; empty where none is used."""
    texts = (script.text, *script.includes.values())
    used = sorted({use.name for text in texts for use in find(text)} & set(run.variables))
    if not used:
        return ""
    values = json.dumps([[name, run.variables[name]] for name in used])
    return hashlib.sha256(values.encode()).hexdigest()[:32]
