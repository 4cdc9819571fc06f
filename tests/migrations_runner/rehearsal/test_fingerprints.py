"""A fingerprint is the same for the same schema, and a difference has a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from migrations_runner import fingerprints, pg_tools
from tests import databases

Session = psycopg.Connection[tuple[object, ...]]

SCHEMA = """
CREATE SCHEMA shop; CREATE SCHEMA "Odd Name";
CREATE TYPE shop.mood AS ENUM ('sad', 'glad');
CREATE TYPE shop.pair AS (a text COLLATE "C", b integer);
CREATE TYPE shop.span AS RANGE (subtype = numeric);
CREATE DOMAIN shop.email AS text NOT NULL CHECK (VALUE LIKE '%@%');
CREATE TABLE people (
    gone integer, id bigint GENERATED ALWAYS AS IDENTITY (START 5) PRIMARY KEY,
    mail shop.email, mood shop.mood DEFAULT 'glad', kind varchar(10) CHECK (kind IN ('a', 'b''c')),
    born date DEFAULT '2001-02-03', twice bigint GENERATED ALWAYS AS (id * 2) STORED,
    sorted text COLLATE "C", UNIQUE (mail)
);
ALTER TABLE people DROP COLUMN gone;
CREATE TABLE shop.orders (
    id serial PRIMARY KEY, person bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    total numeric(10, 2) CONSTRAINT positive CHECK (total > 0)
);
ALTER TABLE shop.orders ADD CONSTRAINT small CHECK (total < 1000) NOT VALID;
CREATE TABLE parts (id bigint, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_2001 PARTITION OF parts FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE part_users (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES parts);
CREATE UNIQUE INDEX glad_ones ON people (lower(mail)) WHERE mood = 'glad';
CREATE VIEW shop.glad AS SELECT id, mail FROM people WHERE kind IN ('a', 'b');
CREATE MATERIALIZED VIEW shop.sums AS SELECT person, sum(total) AS s FROM shop.orders GROUP BY 1;
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION shop.add(a integer, b integer DEFAULT 1) RETURNS integer
    LANGUAGE sql IMMUTABLE RETURN a + b;
CREATE AGGREGATE shop.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE PROCEDURE shop.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER stamped BEFORE UPDATE ON people FOR EACH ROW WHEN (OLD.kind = 'a')
    EXECUTE FUNCTION shop.stamp();
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON people FOR SELECT USING (mail = current_user);
CREATE STATISTICS shop.both ON kind, mood FROM people;
CREATE RULE quiet AS ON DELETE TO shop.glad DO INSTEAD NOTHING;
CREATE SEQUENCE "Odd Name"."Numbers: mine" INCREMENT 3;
CREATE COLLATION shop.plain FROM "C";
CREATE OPERATOR shop.@+@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = shop.add);
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA shop;
"""


@pytest.fixture
def url(db: None) -> Iterator[str]:
    with databases.scratch() as made:
        yield made


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        yield connection


def restored(url: str, other: str, folder: Path) -> None:
    """Dump the schema of one database into another."""
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    dump = folder / "schema.dump"
    tool = pg_tools.find("pg_dump", server_version=version)
    pg_tools.run(tool, ["--schema-only", "-Fc", "-f", str(dump)], url=url)
    restore = pg_tools.find("pg_restore", server_version=version)
    pg_tools.run(restore, ["--exit-on-error", "-d", "", str(dump)], url=other)


def test_a_dump_and_restore_has_the_fingerprint_of_its_original(
    url: str, session: Session, tmp_path: Path
) -> None:
    with databases.scratch() as other:
        restored(url, other, tmp_path)
        with psycopg.connect(other) as copy:
            original, again = fingerprints.take(session), fingerprints.take(copy)
    assert fingerprints.difference(original.parts, again.parts) == []
    assert original.digest == again.digest


def test_a_copy_from_a_template_has_it_too(url: str, session: Session) -> None:
    original = fingerprints.take(session)
    session.close()
    name, copy = url.rpartition("/")[2], f"{url.rpartition('/')[2]}_copy"
    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(copy), sql.Identifier(name)
            )
        )
        try:
            with psycopg.connect(databases.url_of(copy)) as other:
                assert fingerprints.take(other) == original
        finally:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(copy)))


def test_neither_data_nor_the_readers_settings_nor_the_ledger_change_it(session: Session) -> None:
    before = fingerprints.take(session)
    session.execute("INSERT INTO people (mail) VALUES ('a@b')")
    session.execute("CREATE SCHEMA release_control; CREATE TABLE release_control.ledger (x int)")
    session.execute("SET search_path = shop; SET timezone = 'Asia/Tokyo'; SET DateStyle = 'SQL'")
    assert fingerprints.take(session) == before
    assert session.execute("SHOW search_path").fetchone() == ("shop",)


def test_it_sees_the_callers_own_transaction_and_leaves_it_as_it_was(session: Session) -> None:
    with session.transaction():
        before = fingerprints.take(session)
        session.execute("CREATE TABLE fresh (x integer)")
        after = fingerprints.take(session)
    assert fingerprints.difference(before.parts, after.parts) == ["table public.fresh was added"]
    assert session.execute("SELECT count(*) FROM fresh").fetchone() == (0,)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE people ADD COLUMN x integer", "table public.people: column x was added"),
        (
            "ALTER TABLE people ALTER born SET DEFAULT '2002-02-03'",
            "table public.people: column born was changed",
        ),
        (
            "ALTER TABLE people ALTER mail DROP NOT NULL, ALTER born SET NOT NULL",
            "table public.people: column born was changed",
        ),
        ("DROP INDEX glad_ones", "table public.people: index glad_ones was removed"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'glad_ones'::regclass",
            "table public.people: index glad_ones was changed",
        ),
        (
            "ALTER TABLE shop.orders VALIDATE CONSTRAINT small",
            "table shop.orders: constraint small was changed",
        ),
        (
            "ALTER FUNCTION shop.add COST 7",
            "function shop.add(a integer, b integer) was changed",
        ),
        ("ALTER TYPE shop.mood ADD VALUE 'odd'", "enum shop.mood was changed"),
        (
            "ALTER DOMAIN shop.email ADD CONSTRAINT long CHECK (length(VALUE) > 2)",
            "domain shop.email was changed",
        ),
        (
            "ALTER TABLE people DISABLE TRIGGER stamped",
            "table public.people: trigger stamped was changed",
        ),
        (
            "ALTER POLICY mine ON people USING (true)",
            "table public.people: policy mine was changed",
        ),
        ("ALTER TABLE people DISABLE ROW LEVEL SECURITY", "table public.people was changed"),
        (
            'ALTER SEQUENCE "Odd Name"."Numbers: mine" INCREMENT 4',
            'sequence "Odd Name"."Numbers: mine" was changed',
        ),
        (
            "CREATE OR REPLACE VIEW shop.glad AS SELECT id, mail FROM people WHERE kind = 'a'",
            "view shop.glad was changed",
        ),
        ("ALTER TABLE parts DETACH PARTITION parts_2001", "table public.parts_2001 was changed"),
        ("DROP EXTENSION hstore", "extension hstore was removed"),
        ("ALTER TYPE shop.pair ADD ATTRIBUTE c text", "type shop.pair was changed"),
        ("DROP MATERIALIZED VIEW shop.sums", "materialized view shop.sums was removed"),
        (
            "DROP OPERATOR shop.@+@ (integer, integer)",
            "operator shop.@+@(integer,integer) was removed",
        ),
    ],
)
def test_a_change_is_named(session: Session, change: str, told: str) -> None:
    before = fingerprints.take(session)
    session.execute(change.encode())
    after = fingerprints.take(session)
    assert told in fingerprints.difference(before.parts, after.parts)
    assert before.digest != after.digest
    changes = fingerprints.patch(before.parts, after.parts)
    assert fingerprints.patched(before.parts, changes) == after
