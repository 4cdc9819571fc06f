"""The only place that opens connections to target databases.

A target names an environment variable; only a worker process resolves it. Whatever psycopg says
about a failed connection is masked before anybody sees it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

import psycopg
from django.db import transaction
from django.db.models.functions import Now
from psycopg.conninfo import conninfo_to_dict

from releases import timeline
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

CONNECT_SECONDS = 10


class TargetNotConfigured(Refused):
    """The environment variable of this target is not set in the worker; nothing was run."""


class TargetUnreachable(Refused):
    """The target database could not be reached; nothing was run."""


class NotTheExpectedDatabase(Refused):
    """Another database answered than the one this target was checked against; nothing was run."""


@dataclass(frozen=True)
class Identity:
    """Which database answered. `system` and `oid` are unique to a cluster and a database."""

    system: str
    oid: int
    database: str
    version: str
    user: str


def resolve(target: TargetDatabase) -> str:
    """The target's URL. Raises TargetNotConfigured; the value never leaves the process."""
    url = os.environ.get(target.url_variable, "")
    if not url:
        raise TargetNotConfigured(f"Set {target.url_variable} for the worker and start it again.")
    return url


def connect(
    target: TargetDatabase, *, application_name: str, autocommit: bool = False
) -> psycopg.Connection[tuple[object, ...]]:
    """A new connection. Raises TargetNotConfigured or TargetUnreachable (masked)."""
    url = resolve(target)
    try:
        conninfo_to_dict(url)
        return psycopg.connect(
            url,
            application_name=application_name,
            autocommit=autocommit,
            connect_timeout=CONNECT_SECONDS,
            # As psql does: never prepared, so a view replaced by a script is seen as it is.
            prepare_threshold=None,
        )
    except psycopg.Error as failed:
        raise TargetUnreachable(f"{target.name}: {redact(str(failed)).strip()}") from None


def identify(connection: psycopg.Connection[tuple[object, ...]]) -> Identity:
    """Ask a connected database who it is."""
    row = connection.execute(
        "SELECT (SELECT system_identifier::text FROM pg_control_system()), d.oid::bigint,"
        " d.datname, current_setting('server_version'), current_user"
        " FROM pg_database d WHERE d.datname = current_database()"
    ).fetchone()
    assert row is not None  # noqa: S101  (current_database() always is in pg_database)
    return Identity(str(row[0]), int(str(row[1])), str(row[2]), str(row[3]), str(row[4]))


def check_identity(target: TargetDatabase, found: Identity) -> None:
    """Remember the first database that answers; refuse a different one later.

    Raises NotTheExpectedDatabase. A person resets it: `forget_identity`.
    """
    known = target.identity
    if known and (known["system"], known["oid"]) != (found.system, found.oid):
        raise NotTheExpectedDatabase(
            f"{target.name}: expected {known['database']} on system {known['system']},"
            f" found {found.database} on system {found.system}."
        )
    TargetDatabase.objects.filter(pk=target.pk).update(identity=asdict(found), checked_at=Now())


@transaction.atomic
def forget_identity(*, target: TargetDatabase, actor: Actor) -> None:
    """Let the next database that answers be the expected one: the old one was replaced."""
    actor.require("releases.change_targetdatabase")
    taken = TargetDatabase.objects.select_for_update(of=("self",), no_key=True).get(pk=target.pk)
    known, taken.identity, taken.checked_at = taken.identity, {}, None
    taken.save(update_fields=["identity", "checked_at"])
    timeline.record(
        actor=actor,
        verb="target.forget_identity",
        subject=taken,
        environment=taken.environment,
        data={"before": known},
    )
