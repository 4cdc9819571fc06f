"""Databases for tests to play target: on the server that also holds the test database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg import sql


def url_of(name: str) -> str:
    """The URL of a database on the test server."""
    facts = connection.settings_dict
    password = f":{quote(facts['PASSWORD'])}" if facts.get("PASSWORD") else ""
    return f"postgresql://{facts['USER']}{password}@{facts['HOST']}:{facts['PORT']}/{name}"


def control_url() -> str:
    """The control database that this test uses, for processes that the test starts."""
    return url_of(str(connection.settings_dict["NAME"]))


@contextmanager
def scratch() -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whoever is connected."""
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url_of("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield url_of(name)
        finally:
            server.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
