"""Taking a dump, in a worker: written beside, looked at, and only then called a backup."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from migrations_runner import pg_tools
from migrations_runner.backup import claims, verifying
from migrations_runner.backup.claims import Held
from migrations_runner.backup.refusals import (
    BackupStopped,
    NoPlaceForBackups,
    NotEnoughSpace,
)
from migrations_runner.pg_tools import Tool
from migrations_runner.states import BackupState
from releases import targets
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused

#: A compressed dump is smaller than its database; this much of it has to be free all the same.
_SPACE_NEEDED = 0.5
_ONLY_OWNER = 0o600


@dataclass(frozen=True, slots=True)
class Known:
    """What the target says of itself before the dump."""

    version: int
    words: str
    size: int
    tables: int
    now: datetime


def take(backup_id: int) -> None:
    """Claim a backup and carry it out; does nothing where there is nothing to claim."""
    held = claims.claim(backup_id)
    if held is None:
        return
    began = time.perf_counter()
    with claims.kept_alive(held):
        try:
            facts = _take(held)
        except (Refused, OSError, psycopg.Error) as failed:
            error = failed.message if isinstance(failed, Refused) else redact(str(failed))
            claims.part_of(held.backup, held.token).unlink(missing_ok=True)
            claims.end(held, BackupState.FAILED, error=error)
            return
        facts["milliseconds"] = round((time.perf_counter() - began) * 1000, 1)
        if not claims.end(held, BackupState.VERIFIED, **facts):
            Path(facts["path"]).unlink(missing_ok=True)  # somebody else has the claim by now


def place() -> Path:
    """The folder for dumps. Raises NoPlaceForBackups."""
    if not settings.BACKUP_DIR:
        raise NoPlaceForBackups("Set BACKUP_DIR for the worker.")
    folder = Path(settings.BACKUP_DIR)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise NoPlaceForBackups("BACKUP_DIR is not a folder that the worker may write to.")
    served = Path(settings.STATIC_ROOT) if settings.STATIC_ROOT else None
    if served is not None and folder.resolve().is_relative_to(served.resolve()):
        raise NoPlaceForBackups("BACKUP_DIR lies in STATIC_ROOT, which is served to everybody.")
    return folder


def _take(held: Held) -> dict[str, Any]:
    folder, target = place(), held.backup.target
    known = _ask(target)
    tool = pg_tools.find("pg_dump", server_version=known.version)
    free = shutil.disk_usage(folder).free
    if free < known.size * _SPACE_NEEDED:
        raise NotEnoughSpace(
            f"{free // 2**20} MB are free, the database has {known.size // 2**20} MB."
        )
    part = claims.part_of(held.backup, held.token)
    _dump(held, tool, part)
    entries = verifying.entries(
        part, tables=known.tables, written_by=tool.major, wait=held.stop.wait
    )
    if held.backup.restore_too:
        verifying.restore(held.backup, part, written_by=tool.major, wait=held.stop.wait)
    if held.stop.is_set():
        raise BackupStopped
    whole = folder / f"{target.name}-{held.backup.pk}.dump"
    sha256, size = verifying.digest(part), part.stat().st_size
    part.replace(whole)
    _sync(folder)
    return {
        "path": str(whole),
        "bytes": size,
        "sha256": sha256,
        "tool_version": f"pg_dump {tool.version}",
        "server_version": known.words,
        "entries": entries,
        "restored_ok": True if held.backup.restore_too else None,
        "taken_at": known.now,
        "error": "",
    }


def _dump(held: Held, tool: Tool, part: Path) -> None:
    url = targets.resolve(held.backup.target)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    with os.fdopen(descriptor, "wb") as file:
        try:
            pg_tools.run(
                tool,
                ["--format=custom", "--no-password", "--lock-wait-timeout=10s"],
                url=url,
                application_name=f"rc-backup-{held.backup.pk}",
                output=file,
                wait=held.stop.wait,
            )
        except pg_tools.ToolStopped:
            raise BackupStopped from None
        file.flush()
        os.fsync(file.fileno())


def _ask(target: TargetDatabase) -> Known:
    with targets.connect(target, application_name="rc-backup", autocommit=True) as connection:
        targets.check_identity(target, targets.identify(connection))
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            "  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
            "  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
            "  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
            "   AND d.objid = c.oid AND d.deptype = 'e'))"
        ).fetchone()
        words, size, tables = row or ("", 0, 0)
        version = connection.info.server_version
    return Known(version, str(words), int(str(size)), int(str(tables)), datetime.now(UTC))


def _sync(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
