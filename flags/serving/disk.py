"""The last ruleset on disk: what answers when a process starts and the database is away.

A file is one line with an HMAC (key: SECRET_KEY) over all that follows, so what is torn, foreign or
tampered with is refused, and the generation before it is tried. It is written beside and renamed
over, so there is always a whole one. Each process writes what the database told it last: one that
is a moment behind writes again when it has caught up, and after a restore the older ruleset is the
right one. It holds documents and digests of tokens, no token, and only its owner may read it.

Its time of change tells when its content was last known to be the newest.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings

from flags.core.collector import collector_paused
from flags.core.specs import flag_document, segment_document
from flags.models import RulesetEntry
from flags.serving.snapshot import Ruleset, Snapshot, TokenFacts, assemble

log = logging.getLogger(__name__)

FORMAT = 1
NEWEST, BEFORE = "ruleset.json", "ruleset.before.json"
WAIT_SECONDS = 2.0
"""How long a change may wait to be written, so that many at once are one file."""
_FRESHEN_SECONDS = 30.0


class Unusable(Exception):
    """This file can't be taken for a ruleset."""


_REFUSED = (OSError, Unusable, ValueError, TypeError, KeyError)


# --- Writing ------------------------------------------------------------------------------------
def write(held: Snapshot, folder: Path) -> None:
    """Keep a snapshot, and what was kept so far as the generation before it. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    newest = folder / NEWEST
    content = json.dumps(_content(held), separators=(",", ":")).encode()
    beside = folder / f".{NEWEST}.{os.getpid()}.{threading.get_ident()}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as sink:
        sink.write(_signature(content).encode() + b"\n" + content)
        sink.flush()
        os.fsync(sink.fileno())
    # What is damaged never takes the place of the usable one before it.
    with contextlib.suppress(FileNotFoundError, *_REFUSED):
        _verified(newest)
        newest.replace(folder / BEFORE)
    beside.replace(newest)
    _sync(folder)


def freshen(folder: Path) -> None:
    """Say that what is kept is still the newest."""
    with contextlib.suppress(OSError):
        os.utime(folder / NEWEST)


def _content(held: Snapshot) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "environments": [_environment(rules) for rules in held.rulesets.values()],
        "tokens": [
            [digest, facts.id, facts.environment, facts.scope, facts.expires_at]
            for digest, facts in held.tokens_by_digest.items()
        ],
    }


def _environment(rules: Ruleset) -> dict[str, Any]:
    return {
        "slug": rules.environment,
        "revision": rules.revision,
        "changed_at": rules.changed_at.isoformat() if rules.changed_at else None,
        "flags": [flag_document(spec) for spec in rules.specs.values()],
        "segments": [segment_document(spec) for spec in rules.segments.values()],
    }


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _signature(content: bytes) -> str:
    key = sha256(b"flags.serving.disk:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, content, sha256).hexdigest()


# --- Reading ------------------------------------------------------------------------------------
def read(folder: Path) -> tuple[Snapshot, float] | None:
    """Return the newest usable snapshot and its age in seconds; None where there is none.

    What is refused is logged with its reason, and the generation before it is tried.
    """
    for name in (NEWEST, BEFORE):
        path = folder / name
        try:
            age = max(0.0, time.time() - path.stat().st_mtime)
            with collector_paused():
                return _snapshot(_verified(path)), age
        except FileNotFoundError:
            continue
        except _REFUSED as odd:
            log.warning("the ruleset kept in %s is refused: %s", path, odd)
    return None


def refusals(folder: Path) -> list[str]:
    """Say which of the kept files a start without the database would refuse, and why.

    Empty where all that are there are usable. For people and monitors: a file may go bad long
    before anybody needs it.
    """
    said = []
    for name in (NEWEST, BEFORE):
        path = folder / name
        try:
            stood = path.stat()
            odd = _fault(path, (stood.st_ino, stood.st_size, stood.st_mtime_ns))
        except FileNotFoundError:
            continue
        except OSError as unreadable:
            odd = str(unreadable)
        if odd:
            said.append(f"{path} is refused: {odd}")
    return said


@lru_cache(maxsize=8)
def _fault(path: Path, _as_it_stood: tuple[int, ...]) -> str:
    """What is wrong with a file; looked at once as long as it stands as it stood."""
    try:
        _verified(path)
    except (Unusable, ValueError) as odd:
        return str(odd)
    return ""


def _verified(path: Path) -> dict[str, Any]:
    signature, _, content = path.read_bytes().partition(b"\n")
    if not hmac.compare_digest(signature, _signature(content).encode()):
        raise Unusable("it is torn, was changed by hand, or belongs to another installation")
    parsed: dict[str, Any] = json.loads(content)
    if parsed.get("format") != FORMAT:
        raise Unusable(f"it has format {parsed.get('format')!r}, this version reads {FORMAT}")
    return parsed


def _snapshot(content: dict[str, Any]) -> Snapshot:
    tokens = {digest: TokenFacts(*facts) for digest, *facts in content["tokens"]}
    rulesets = {one["slug"]: _ruleset(one) for one in content["environments"]}
    return Snapshot(
        marks=(),  # unlike any that the database gives: the first look reads everything anew
        rulesets=MappingProxyType(rulesets),
        tokens_by_digest=MappingProxyType(tokens),
        tokens_by_id=MappingProxyType({facts.id: facts for facts in tokens.values()}),
    )


def _ruleset(one: dict[str, Any]) -> Ruleset:
    changed_at = datetime.fromisoformat(one["changed_at"]) if one["changed_at"] else None
    return assemble(one["slug"], one["revision"], changed_at, _entries(one))


def _entries(one: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind, name in ((RulesetEntry.Kind.FLAG, "flags"), (RulesetEntry.Kind.SEGMENT, "segments")):
        for document in one[name]:
            yield kind.value, document["key"], document


# --- Beside the keeper --------------------------------------------------------------------------
class Saver:
    """Writes what the keeper offers, in a thread that lives only while there is something."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._pending: Snapshot | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._freshened = float("-inf")

    def offer(self, held: Snapshot) -> None:
        """Have this kept soon; a later one takes its place."""
        with self._lock:
            self._pending = held
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ruleset-disk", daemon=True)
                self._thread.start()

    def confirm(self) -> None:
        """What was offered last is still the newest; told to the disk now and then."""
        now = time.monotonic()
        if now - self._freshened > _FRESHEN_SECONDS:
            self._freshened = now
            freshen(self._folder)

    def stop(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=10)

    def _run(self) -> None:
        while (held := self._take()) is not None:
            try:
                write(held, self._folder)
            except OSError as failed:
                log.warning("the ruleset can't be kept in %s: %s", self._folder, failed)
            self._stopping.wait(WAIT_SECONDS)

    def _take(self) -> Snapshot | None:
        with self._lock:
            held, self._pending = self._pending, None
            if held is None:
                self._thread = None
            return held
