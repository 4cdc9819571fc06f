"""The real psql and the real server, asked what they make of a script."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.examples.kit import binary

_LOGGED = re.compile(
    r"^/?\*{8,9} QUERY \*{9,10}/?\n(.*?)\n/?\*{24,26}/?$", re.DOTALL | re.MULTILINE
)
_STOPPED = re.compile(
    r"^psql:(?P<file>[^\n]*?):(?P<line>[0-9]+): (?:ERROR|error|FATAL):\s+(?P<message>[^\n]*)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Stop:
    """Where a script ended early: the file's name, the line of the statement's end, the words."""

    file: str
    line: int
    message: str


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


def run_by_psql(url: str, file: Path, values: Mapping[str, str], *, one: bool) -> Stop | None:
    """``psql -X -v ON_ERROR_STOP=1 [-1] -f``; where it stopped, or None if it did not."""
    command = [binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(file)]
    command += [part for name, value in values.items() for part in ("-v", f"{name}={value}")]
    command += ["-1"] if one else []
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0:
        return None
    # The last one: a condition that is no Boolean is an error to psql, too, and it goes on.
    found = list(_STOPPED.finditer(done.stderr))
    assert found, done.stderr
    return Stop(Path(found[-1]["file"]).name, int(found[-1]["line"]), found[-1]["message"])


def our_database() -> str:
    """How to reach the test's own database from outside of Django."""
    ours = connection.settings_dict
    wanted = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    known = {name: str(ours[key]) for name, key in wanted.items() if ours.get(key)}
    return make_conninfo("", dbname=str(ours["NAME"]), client_encoding="UTF8", **known)


Session = psycopg.Connection[tuple[Any, ...]]


def start_over(session: Session, seed: LiteralString) -> None:
    """Empty a database of all but the system's own, and fill it anew."""
    with session.transaction():
        session.execute(_EMPTY)
        session.execute(seed)


_EMPTY: LiteralString = """
SET client_min_messages = error;
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$;
CREATE SCHEMA public;
"""


def contents(session: Session) -> dict[str, list[Any]]:
    """Everything that a script may have left: definitions, rows, sequences, comments."""
    found = {name: session.execute(query).fetchall() for name, query in _CATALOG.items()}
    for table in [row[0] for row in found["relations"] if row[1] in {"r", "p", "m"}]:
        query = sql.SQL("SELECT x::text FROM {} x ORDER BY 1").format(sql.SQL(table))
        found[f"rows of {table}"] = session.execute(query).fetchall()
    return found


_OURS: LiteralString = (
    "relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_'"
    " AND nspname <> 'information_schema')"
)
_CATALOG: dict[str, LiteralString] = {
    "relations": "SELECT oid::regclass::text, relkind::text, relrowsecurity, relacl::text,"
    " relispartition,"
    f" pg_get_expr(relpartbound, oid) FROM pg_class WHERE {_OURS} ORDER BY 1",
    "columns": "SELECT attrelid::regclass::text, attnum, attname,"
    " format_type(atttypid, atttypmod),"
    " attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid)"
    " FROM pg_class c JOIN pg_attribute ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid"
    f" AND adnum = attnum WHERE {_OURS} ORDER BY 1, 2",
    "constraints": "SELECT conrelid::regclass::text, conname,"
    " pg_get_constraintdef(pg_constraint.oid)"
    f" FROM pg_constraint JOIN pg_class c ON conrelid = c.oid WHERE {_OURS} ORDER BY 1, 2",
    "indexes": "SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index"
    f" JOIN pg_class ON indexrelid = pg_class.oid WHERE {_OURS} ORDER BY 1",
    "views": "SELECT schemaname, viewname, definition FROM pg_views"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2",
    "rules": "SELECT schemaname, tablename, rulename, definition FROM pg_rules"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3",
    "functions": "SELECT p.oid::regprocedure::text, prosrc, pg_get_function_sqlbody(p.oid), prokind"
    " FROM pg_proc p JOIN pg_namespace n ON pronamespace = n.oid"
    " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "types": "SELECT t.oid::regtype::text, typtype, array(SELECT enumlabel FROM pg_enum"
    " WHERE enumtypid = t.oid ORDER BY enumsortorder)::text FROM pg_type t"
    " JOIN pg_namespace n ON typnamespace = n.oid"
    " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
    "sequences": "SELECT schemaname, sequencename, start_value, increment_by, last_value"
    " FROM pg_sequences ORDER BY 1, 2",
    "policies": "SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2",
    "comments": "SELECT objoid::regclass::text, objsubid, description FROM pg_description"
    f" JOIN pg_class ON objoid = pg_class.oid WHERE classoid = 'pg_class'::regclass AND {_OURS}"
    " ORDER BY 1, 2",
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
    "operators": "SELECT oid::regoperator::text FROM pg_operator WHERE oid > 16383 ORDER BY 1",
}
