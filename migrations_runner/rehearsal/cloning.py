"""A throw-away clone of a target. The original is only ever read.

A copy of the whole database is the truest clone, and possible where nobody is connected to the
original. While it is copied, PostgreSQL lets nobody connect to the original: in production the copy
therefore has the stall budget and not a moment more. Everything else gets the schema, by pg_dump,
and a sample of the rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg import sql

from migrations_runner import fingerprints, pg_tools
from migrations_runner.dropping import drop_database
from migrations_runner.fingerprints import Fingerprint
from migrations_runner.ledger import Connection
from migrations_runner.models import Rehearsal
from migrations_runner.pg_tools import Tool
from migrations_runner.rehearsal import places, sampling
from migrations_runner.rehearsal.places import Place
from releases import targets
from releases.models import TargetDatabase
from releases.refusals import Refused

_GIGABYTE = 1024**3
_COPY_MILLISECONDS = 600_000
_LOCK_WAIT = "--lock-wait-timeout=10s"
_NOT_OURS = ("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")


class SchemaMoved(Refused):
    """The original's schema changed while it was being cloned; nothing was rehearsed."""


@dataclass
class Order:
    """What to clone, under which name; `wait(seconds)` is True when somebody cancelled."""

    target: TargetDatabase
    name: str
    application_name: str
    wait: Callable[[float], bool]


@dataclass
class Clone:
    """A clone that stands. `original` is the schema of the target just before it was cloned."""

    kind: Rehearsal.Clone
    name: str
    place: Place = field(repr=False)
    original: Fingerprint = field(repr=False)
    server_version: str = ""
    server_number: int = 0
    notes: list[str] = field(default_factory=list)


@contextmanager
def made(order: Order) -> Iterator[Clone]:
    """Make a clone, and throw it away in the end, however that comes.

    Raises the refusals of places, pg_tools and sampling, and of connecting to the target.
    """
    place = places.place_of(order.target)
    with place.session(order.application_name) as keeper:
        places.require_may_clone(keeper)
    try:
        yield _make(order, place)
    finally:
        with place.session(order.application_name) as keeper:
            drop_database(keeper, order.name)


def most_bytes() -> int:
    """A larger original is not copied whole: setting REHEARSAL_MAX_BYTES."""
    return int(settings.REHEARSAL_MAX_BYTES)


def _make(order: Order, place: Place) -> Clone:
    with targets.connect(
        order.target, application_name=order.application_name, autocommit=True
    ) as original:
        targets.check_identity(order.target, targets.identify(original))
        clone = Clone(Rehearsal.Clone.TEMPLATE, order.name, place, fingerprints.take(original))
        clone.server_number = original.info.server_version
        clone.server_version = original.info.parameter_status("server_version") or ""
        why_not = _why_not_whole(original, place) or _copy(original, order)
    if why_not:
        clone.kind = Rehearsal.Clone.DUMP
        clone.notes.append(f"Schema with a sample of the rows, because {why_not}.")
        _rebuild(order, clone)
    return clone


def _why_not_whole(original: Connection, place: Place) -> str:
    """Why this database can't be copied whole; '' when it can."""
    if not place.own:
        return "clones have a server of their own"
    row = original.execute(
        "SELECT pg_database_size(current_database()), (SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend')"
    ).fetchone()
    size, others = (int(str(value)) for value in row or (0, 0))
    if size > most_bytes():
        return f"the original has {size:,} bytes and REHEARSAL_MAX_BYTES is {most_bytes():,}"
    return f"{others} other session(s) are connected to the original" if others else ""


def _copy(original: Connection, order: Order) -> str:
    """Copy the database that this session is in; answers why that was not possible, or ''."""
    budget = _COPY_MILLISECONDS
    if order.target.environment.is_production:
        budget = order.target.stall_budget_ms
    original.execute("SELECT set_config('statement_timeout', %s, false)", [f"{budget}ms"])
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(order.name), sql.Identifier(original.info.dbname)
    )
    try:
        original.execute(statement)
    except psycopg.errors.ObjectInUse:
        return "somebody connected to the original meanwhile"
    except psycopg.errors.InsufficientPrivilege:
        return "the role may not copy this database: it is not its owner"
    except psycopg.errors.QueryCanceled:
        return f"nobody can connect to the original while it is copied, and {budget} ms were up"
    return ""


def _rebuild(order: Order, clone: Clone) -> None:
    """The schema without keys and indexes, the rows, then keys and indexes over them."""
    newest = max(_make_empty(order, clone), clone.server_number)
    with tempfile.TemporaryDirectory(prefix="rc-clone-") as folder:
        dump = Path(folder) / "schema.dump"
        dumper = pg_tools.find("pg_dump", server_version=newest)
        # What one version has written, an older one can't read.
        restorer = pg_tools.find("pg_restore", server_version=dumper.major * 10_000)
        here = ["--schema-only", "--format=custom", f"--file={dump}", _LOCK_WAIT, *_NOT_OURS]
        _run(order, dumper, here, targets.resolve(order.target))
        _restore(order, clone, restorer, dump, "pre-data")
        with clone.place.session(order.application_name, clone.name) as copy:
            clone.notes += sampling.fill(order.target, copy, order.application_name, order.wait)
            _restore(order, clone, restorer, dump, "post-data")
            clone.notes += sampling.settle(copy)
            _note_differences(clone, copy)


def _make_empty(order: Order, clone: Clone) -> int:
    """An empty database for the clone; answers its server's version."""
    with clone.place.session(order.application_name) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(clone.name))
        )
        return server.info.server_version


def _restore(order: Order, clone: Clone, tool: Tool, dump: Path, section: str) -> None:
    here = [f"--section={section}", "--exit-on-error", "--dbname=", *_NOT_OURS, str(dump)]
    _run(order, tool, here, clone.place.url_of(clone.name))


def _run(order: Order, tool: Tool, arguments: list[str], url: str) -> None:
    pg_tools.run(tool, arguments, url=url, application_name=order.application_name, wait=order.wait)


def _note_differences(clone: Clone, copy: Connection) -> None:
    other = fingerprints.difference(clone.original.parts, fingerprints.take(copy).parts)
    if other:
        clone.notes.append(f"The clone's schema is not quite the original's: {'; '.join(other)}.")
