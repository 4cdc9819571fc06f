"""Is a file a whole dump? By its own list of contents, and by restoring it somewhere else."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from migrations_runner import pg_tools
from migrations_runner.backup.refusals import NotABackup
from migrations_runner.dropping import drop_database
from migrations_runner.models import Backup
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.targets import resolve

_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE ", re.MULTILINE)
_DATA = re.compile(r"^\d+; \d+ \d+ TABLE DATA ", re.MULTILINE)
_ENTRY = re.compile(r"^\d+; ", re.MULTILINE)
_CHUNK = 1 << 20

Wait = Callable[[float], bool]


def entries(path: Path, *, tables: int, written_by: int, wait: Wait | None = None) -> int:
    """How many objects the dump's own list names.

    `tables` is how many the target has: a dump that lists fewer is not whole. `written_by` is the
    major version of the pg_dump: an older pg_restore can't read it. Raises NotABackup, ToolTooOld.
    """
    tool = pg_tools.find("pg_restore", server_version=written_by * 10000)
    listing = path.with_suffix(".list")
    try:
        with listing.open("w+b") as file:
            pg_tools.run(tool, ["--list", str(path)], url="", output=file, wait=wait)
        said = listing.read_text(errors="replace")
    except pg_tools.ToolFailed as failed:
        raise NotABackup(failed.detail) from None
    finally:
        listing.unlink(missing_ok=True)
    found = len(_TABLE.findall(said)) - len(_DATA.findall(said))
    if found < tables:
        raise NotABackup(f"It lists {found} tables, the target has {tables}.")
    return len(_ENTRY.findall(said))


def restore(backup: Backup, path: Path, *, written_by: int, wait: Wait | None = None) -> None:
    """Restore into a database made for it on the clone server. Raises ToolFailed, NotABackup."""
    with _scratch(backup.target) as (url, server_version):
        newest = max(server_version, written_by * 10000)
        tool = pg_tools.find("pg_restore", server_version=newest)
        arguments = [
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            "--dbname=" + _name(url),
            str(path),
        ]
        pg_tools.run(tool, arguments, url=url, application_name="rc-backup-check", wait=wait)


def digest(path: Path) -> str:
    """SHA-256 of a file, as hex. Raises OSError."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def still_there(backup: Backup) -> bool:
    """Is the file there with the size it had? Cheap; `unchanged` reads all of it."""
    try:
        facts = Path(backup.path).stat()
    except OSError:
        return False
    return facts.st_size == backup.bytes and bool(backup.path)


def unchanged(backup: Backup) -> bool:
    """Does the file still hold what was written then?"""
    return still_there(backup) and digest(Path(backup.path)) == backup.sha256


@contextmanager
def _scratch(target: TargetDatabase) -> Iterator[tuple[str, int]]:
    server = os.environ.get(target.clone_variable, "") if target.clone_variable else ""
    server = server or resolve(target)
    name = f"rc_restore_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=10) as connection:
            identifier = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
            try:
                yield _beside(server, name), connection.info.server_version
            finally:
                drop_database(connection, name)
    except psycopg.Error as failed:
        raise NotABackup(f"It could not be restored: {redact(str(failed)).strip()}") from None


def _beside(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")
