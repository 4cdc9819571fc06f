"""Data of scripts, kept apart from their texts: written and read about a megabyte at a time.

Refused
├── DataMissing
├── TooMuchText
└── NotUtf8
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

import psycopg
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from migrations_runner import editing
from migrations_runner.models import DataBlock, MigrationScript, RunScript, ScriptVersion
from migrations_runner.psql.taking_apart import Kept, TooMuchSql, take_apart
from releases.models import Release
from releases.refusals import Refused
from releases.timeline import Actor

_PART = 1 << 20
#: How long data is kept that nothing refers to: somebody may be about to attach it again.
KEEP = timedelta(days=7)


class DataMissing(Refused):
    """The data that a script refers to is not kept here; nothing was run."""


class TooMuchText(Refused):
    """This file has more than 5 MB of SQL beside its data; bring rows with COPY … FROM stdin."""


class EmptyFile(Refused):
    """This file is empty; nothing was stored."""


class NotUtf8(Refused):
    """This file's SQL is not UTF-8; nothing was kept."""


@dataclass(frozen=True)
class Attached:
    """A script whose file was taken apart; the hash and size (bytes) are of the whole file."""

    script: MigrationScript
    sha256: str
    size: int
    blocks: int


@dataclass
class _Hashed:
    """A file that notes what is read from it."""

    file: BinaryIO
    size: int = 0

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()

    def readline(self, size: int = -1) -> bytes:
        piece = self.file.readline(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece


@transaction.atomic
def attach(*, release: Release, name: str, file: BinaryIO, actor: Actor) -> Attached:
    """Make a file, of any size, the text of a release's script; all of it or nothing.

    Raises TooMuchText, EmptyFile, NotUtf8, editing.ScriptIsFinal, NotPermitted, ValidationError.
    """
    script = MigrationScript.objects.filter(release=release, name=name).first()
    actor.require(f"migrations_runner.{'change' if script else 'add'}_migrationscript")
    editing.require_open(release)
    created = script is None
    script = script or MigrationScript(release=release, name=name)
    hashed, kept = _Hashed(file), list[Kept]()

    def note(pieces: Iterator[bytes]) -> Kept:
        kept.append(keep(pieces))
        return kept[-1]

    try:
        script.text = take_apart(hashed, note)  # type: ignore[arg-type]  # all it reads is lines
    except TooMuchSql:
        raise TooMuchText from None
    except UnicodeDecodeError:
        raise NotUtf8 from None
    if not script.text:
        raise EmptyFile
    editing.save(script=script, actor=actor, created=created)
    return Attached(script, hashed.digest.hexdigest(), hashed.size, len(kept))


@transaction.atomic
def keep(pieces: Iterable[bytes]) -> Kept:
    """Write data as a block of its own; the same data twice is kept once."""
    block = DataBlock.objects.create(sha256=f"new-{uuid.uuid4().hex}")
    digest, size, lines, number = hashlib.sha256(), 0, 0, 0
    with psycopg.Cursor(connection.connection) as cursor:
        for part in _parts(pieces):
            digest.update(part)
            size, lines = size + len(part), lines + part.count(b"\n")
            cursor.execute(_WRITE, (block.pk, number, part))
            number += 1
    sha256 = digest.hexdigest()
    # Whoever forgets old data waits for this row, and finds it young then.
    if DataBlock.objects.filter(sha256=sha256).update(kept_at=Now()):
        block.delete()
    else:
        DataBlock.objects.filter(pk=block.pk).update(sha256=sha256, size=size, lines=lines)
    return Kept(sha256, size, lines)


def forget() -> int:
    """Delete data that no text has named for KEEP: neither a script, nor a version, nor a run."""
    named = [
        Exists(rows.filter(text__contains=OuterRef("sha256")))
        for rows in (
            MigrationScript.objects.all(),
            ScriptVersion.objects.all(),
            RunScript.objects.all(),
        )
    ]
    old = DataBlock.objects.filter(~Q(sha256__startswith="new-"), kept_at__lt=Now() - KEEP)
    unnamed = list(old.exclude(Q(*named, _connector=Q.OR)).values_list("pk", flat=True))
    return sum(
        1 for pk in unnamed if DataBlock.objects.filter(pk=pk, kept_at__lt=Now() - KEEP).delete()[0]
    )


def require(hashes: Iterable[str]) -> None:
    """Raises DataMissing."""
    wanted = set(hashes)
    if not wanted:
        return
    there = set(DataBlock.objects.filter(sha256__in=wanted).values_list("sha256", flat=True))
    missing = sorted(wanted - there)
    if missing:
        raise DataMissing(f"Attach the file again: no data with sha256 {', '.join(missing)}.")


def read(sha256: str) -> Iterator[bytes]:
    """The data of a block, part by part."""
    number, block = 0, DataBlock.objects.values_list("pk", flat=True).get(sha256=sha256)
    while True:
        with psycopg.Cursor(connection.connection) as cursor:
            found = cursor.execute(_READ, (block, number), binary=True).fetchone()
        if found is None:
            return
        yield found[0]
        number += 1


_WRITE = "INSERT INTO migrations_runner_datapart (block_id, number, data) VALUES (%s, %s, %b)"
_READ = "SELECT data FROM migrations_runner_datapart WHERE block_id = %s AND number = %s"


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of about a megabyte."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _PART:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
