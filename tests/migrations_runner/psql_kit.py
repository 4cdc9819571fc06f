"""The real psql and the real server, asked what they make of a script."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from django.db import connection
from psycopg.conninfo import make_conninfo

from tests.examples.kit import binary

_LOGGED = re.compile(
    r"^/?\*{8,9} QUERY \*{9,10}/?\n(.*?)\n/?\*{24,26}/?$", re.DOTALL | re.MULTILINE
)


def sent_by_psql(script: str, values: Mapping[str, str], folder: Path) -> list[str]:
    """The statements that psql sends for a script, from its own log."""
    file, log = folder / "script.sql", folder / "log"
    file.write_bytes(script.encode())
    command = [binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", our_database()]
    command += [part for name, value in values.items() for part in ("-v", f"{name}={value}")]
    done = subprocess.run(
        [*command, "-L", str(log), "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return _LOGGED.findall(log.read_bytes().decode())


def our_database() -> str:
    """How to reach the test's own database from outside of Django."""
    ours = connection.settings_dict
    wanted = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    known = {name: str(ours[key]) for name, key in wanted.items() if ours.get(key)}
    return make_conninfo("", dbname=str(ours["NAME"]), client_encoding="UTF8", **known)
