"""Names of statements, and which may stand in a transaction: the table beside the real server."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migrations_runner.parsing import Statement, parse_script
from tests.migrations_runner.psql_kit import our_database

OUTSIDE = [
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
    "DROP INDEX CONCURRENTLY t_a",
    "REINDEX TABLE CONCURRENTLY t",
    "REINDEX (VERBOSE, CONCURRENTLY) INDEX t_a",
    "REINDEX (CONCURRENTLY TRUE) TABLE t",
    "REINDEX SCHEMA public",
    "REINDEX SYSTEM",
    "REINDEX DATABASE",
    "VACUUM",
    "VACUUM FULL t",
    "VACUUM (ANALYZE) t",
    "CLUSTER",
    "CREATE DATABASE d",
    "DROP DATABASE IF EXISTS d",
    "DROP DATABASE IF EXISTS d WITH (FORCE)",
    "ALTER DATABASE d SET TABLESPACE pg_default",
    "CREATE TABLESPACE s LOCATION '/nowhere'",
    "DROP TABLESPACE IF EXISTS s",
    "ALTER SYSTEM SET work_mem = '4MB'",
    "ALTER SYSTEM RESET ALL",
    "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY",
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (enabled = false)",
]
INSIDE = [
    "CREATE INDEX i ON t (a)",
    "DROP INDEX t_a",
    "REINDEX TABLE t",
    "REINDEX INDEX t_a",
    "REINDEX (CONCURRENTLY FALSE) TABLE t",
    "ANALYZE",
    "ANALYZE t",
    "CLUSTER t USING t_a",
    "CREATE MATERIALIZED VIEW m AS SELECT a FROM t",
    "TRUNCATE t",
    "LOCK TABLE t",
    "ALTER TYPE mood ADD VALUE 'glad'",
    "ALTER TABLE parts DETACH PARTITION part",
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)",
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot=false, connect=0)",
    "DISCARD TEMP",
    "DISCARD PLANS",
    "ALTER DATABASE postgres SET work_mem = '4MB'",
    "DO $$ BEGIN PERFORM 'commit;'; END $$",
    "SELECT 'VACUUM; CREATE INDEX CONCURRENTLY'",
    "COMMENT ON TABLE t IS 'DROP DATABASE d'",
]
#: Nothing to run them on here; the pages of these commands say so.
OUTSIDE_BY_THE_BOOK = [
    "DROP SUBSCRIPTION s",
    "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
    "ALTER SUBSCRIPTION s ADD PUBLICATION p",
    "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (copy_data = false)",
]
INSIDE_BY_THE_BOOK = [
    "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
    "ALTER SUBSCRIPTION s DISABLE",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
]
COMMITTING_BLOCKS = [
    "DO $$ BEGIN COMMIT; END $$",
    "DO $$ BEGIN PERFORM 1; ROLLBACK; END $$",
    "DO LANGUAGE plpgsql $x$ BEGIN FOR i IN 1..2 LOOP COMMIT AND CHAIN; END LOOP; END $x$",
    "DO $$ BEGIN IF true THEN COMMIT; ELSE ROLLBACK; END IF; END $$",
    "DO 'begin commit; end'",
]
SETUP = """
CREATE TABLE t (a int);
CREATE INDEX t_a ON t (a);
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE parts (a int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
"""


def only(sql: str) -> Statement:
    (statement,) = parse_script(sql, {}).statements
    return statement


def run_inside_transaction(sql: str) -> str | None:
    """The SQLSTATE the server answers within BEGIN; nothing of it stays."""
    with psycopg.connect(our_database()) as connection:
        connection.execute(SETUP)
        try:
            connection.execute(sql.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return None


@pytest.mark.django_db
@pytest.mark.parametrize("sql", OUTSIDE)
def test_what_the_server_refuses_in_a_transaction_is_known_before(sql: str) -> None:
    assert run_inside_transaction(sql) == "25001"
    assert not only(sql).in_transaction_ok


@pytest.mark.django_db
@pytest.mark.parametrize("sql", INSIDE)
def test_what_the_server_takes_in_a_transaction_stays_in_one(sql: str) -> None:
    assert run_inside_transaction(sql) is None
    assert only(sql).in_transaction_ok


@pytest.mark.parametrize("sql", OUTSIDE_BY_THE_BOOK)
def test_subscriptions_that_talk_to_their_publisher_stand_outside(sql: str) -> None:
    assert not only(sql).in_transaction_ok


@pytest.mark.parametrize("sql", INSIDE_BY_THE_BOOK)
def test_what_only_looks_concurrent_stays_inside(sql: str) -> None:
    assert only(sql).in_transaction_ok


@pytest.mark.django_db
@pytest.mark.parametrize("sql", COMMITTING_BLOCKS)
def test_a_block_that_commits_stands_outside(sql: str) -> None:
    assert run_inside_transaction(sql) == "2D000"
    assert not only(sql).in_transaction_ok


TAGGED = [
    "CREATE TABLE a (id int PRIMARY KEY, b text)",
    "CREATE SCHEMA z",
    "CREATE SEQUENCE s",
    "ALTER SEQUENCE s RESTART WITH 5",
    "INSERT INTO a VALUES (1, 'x')",
    "WITH n AS (SELECT 2) INSERT INTO a SELECT * FROM n",
    "UPDATE a SET b = 'y'",
    "MERGE INTO a USING (VALUES (1)) v(k) ON a.id = v.k WHEN MATCHED THEN DO NOTHING",
    "DELETE FROM a",
    "SELECT 1",
    "VALUES (1)",
    "CREATE VIEW v AS SELECT 1 AS one",
    "ALTER VIEW v RENAME TO w",
    "ALTER VIEW w RENAME COLUMN one TO eins",
    "DROP VIEW w",
    "REFRESH MATERIALIZED VIEW m",
    "DROP MATERIALIZED VIEW m",
    "ALTER TABLE a ADD COLUMN c int",
    "ALTER TABLE a RENAME COLUMN c TO d",
    "ALTER TABLE a RENAME CONSTRAINT a_pkey TO k",
    "ALTER TABLE a SET SCHEMA z",
    "ALTER TABLE z.a SET SCHEMA public",
    "CREATE INDEX i ON a (b)",
    "ALTER INDEX i RENAME TO j",
    "DROP INDEX j",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
    "ALTER FUNCTION f() STABLE",
    "ALTER FUNCTION f() OWNER TO CURRENT_USER",
    "ALTER FUNCTION f() RENAME TO g",
    "DROP FUNCTION g()",
    "CREATE PROCEDURE p() LANGUAGE sql AS ''",
    "CALL p()",
    "CREATE TYPE mood AS ENUM ('sad')",
    "ALTER TYPE mood ADD VALUE 'glad'",
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
    "CREATE TYPE pair AS (x int, y int)",
    "CREATE TYPE span AS RANGE (subtype = int4)",
    "CREATE DOMAIN dom AS int",
    "ALTER DOMAIN dom SET NOT NULL",
    "CREATE AGGREGATE agg (int) (sfunc = int4pl, stype = int)",
    "CREATE TRIGGER tr BEFORE UPDATE ON a EXECUTE FUNCTION pg_catalog.tsvector_update_trigger()",
    "ALTER TABLE a DISABLE TRIGGER tr",
    "CREATE POLICY po ON a",
    "ALTER POLICY po ON a USING (true)",
    "CREATE RULE ru AS ON DELETE TO a DO INSTEAD NOTHING",
    "CREATE STATISTICS st ON id, b FROM a",
    "COMMENT ON TABLE a IS 'x'",
    "GRANT SELECT ON a TO PUBLIC",
    "REVOKE SELECT ON a FROM PUBLIC",
    "TRUNCATE a",
    "LOCK a",
    "SET LOCAL work_mem = '4MB'",
    "RESET work_mem",
    "SHOW work_mem",
    "SET CONSTRAINTS ALL DEFERRED",
    "SAVEPOINT sp",
    "RELEASE sp",
    "DECLARE cu CURSOR FOR SELECT 1",
    "FETCH cu",
    "CLOSE cu",
    "PREPARE pr AS SELECT 1",
    "EXPLAIN SELECT 1",
    "ANALYZE a",
    "LISTEN ch",
    "NOTIFY ch",
    "DO 'begin end'",
    "DROP TABLE a",
]
#: PostgreSQL's tag is shorter or counts rows under another word; ours says what it is.
TAGS = {"RELEASE SAVEPOINT": "RELEASE", "EXECUTE": "SELECT"}


@pytest.mark.django_db
def test_statements_bear_the_names_the_server_gives_them() -> None:
    with psycopg.connect(our_database()) as connection:
        connection.execute("CREATE MATERIALIZED VIEW m AS SELECT 1")
        told = {sql: told_by_server(connection, sql) for sql in TAGGED}
        connection.rollback()
    named = {sql: only(sql).kind for sql in TAGGED}
    assert {sql: TAGS.get(kind, kind) for sql, kind in named.items()} == told


def told_by_server(connection: psycopg.Connection[Any], sql: str) -> str:
    tag = connection.execute(sql.encode()).statusmessage or ""
    return tag.rstrip("0123456789 ")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("CREATE TABLE x AS SELECT 1", "CREATE TABLE AS"),
        ("SELECT 1 INTO x", "SELECT INTO"),
        ("CREATE MATERIALIZED VIEW x AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("DROP DATABASE x", "DROP DATABASE"),
        ("CREATE ROLE x", "CREATE ROLE"),
        ("GRANT a TO b", "GRANT ROLE"),
        ("CREATE FOREIGN DATA WRAPPER x", "CREATE FOREIGN DATA WRAPPER"),
        ("ALTER TEXT SEARCH CONFIGURATION x RENAME TO y", "ALTER TEXT SEARCH CONFIGURATION"),
        ("CREATE EVENT TRIGGER x ON sql_drop EXECUTE FUNCTION f()", "CREATE EVENT TRIGGER"),
    ],
)
def test_statements_without_a_tag_of_their_own_are_named_too(sql: str, kind: str) -> None:
    assert only(sql).kind == kind
