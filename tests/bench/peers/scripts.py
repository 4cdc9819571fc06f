"""The work that every runner is given: six changes of a schema, then 250,000 rows.

A publishing application with 2,000 users, 200,000 projects and 50,000 characters; the last script
gives each of them its owner's universe.
"""

from __future__ import annotations

import psycopg

USERS, PROJECTS, CHARACTERS = 2_000, 200_000, 50_000

WORLD = f"""
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE projects (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
    title text NOT NULL);
CREATE TABLE characters (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
    name text NOT NULL);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, {USERS}) n;
INSERT INTO projects SELECT n, 1 + n % {USERS}, 'book ' || n FROM generate_series(1, {PROJECTS}) n;
INSERT INTO characters SELECT n, 1 + n % {USERS}, 'who ' || n
    FROM generate_series(1, {CHARACTERS}) n;
CREATE INDEX ON projects (user_id);
CREATE INDEX ON characters (user_id);
"""

SCRIPTS = {
    "s1_documents": "CREATE TABLE documents (id bigint PRIMARY KEY, body text NOT NULL);",
    "s2_assets": "CREATE TABLE assets (id bigint PRIMARY KEY,"
    " document_id bigint NOT NULL REFERENCES documents, path text NOT NULL);\n"
    "CREATE INDEX assets_document ON assets (document_id);",
    "s3_universes": "CREATE TABLE universes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " account_id bigint NOT NULL UNIQUE REFERENCES users, name text NOT NULL);",
    "s4_links": "ALTER TABLE projects ADD COLUMN universe_id bigint;\n"
    "ALTER TABLE characters ADD COLUMN universe_id bigint;",
    "s5_books": "ALTER TABLE projects ADD COLUMN outline jsonb NOT NULL DEFAULT '{}';",
    "s6_versions": "CREATE TABLE outline_versions (id bigint PRIMARY KEY,"
    " project_id bigint NOT NULL, outline jsonb NOT NULL);",
    "s7_data": "INSERT INTO universes (account_id, name) SELECT id, 'My Books' FROM users"
    " ON CONFLICT (account_id) DO NOTHING;\n"
    "UPDATE projects p SET universe_id = u.id FROM universes u"
    " WHERE u.account_id = p.user_id AND p.universe_id IS NULL;\n"
    "UPDATE characters c SET universe_id = u.id FROM universes u"
    " WHERE u.account_id = c.user_id AND c.universe_id IS NULL;",
}

_LINKED = """
SELECT (SELECT count(*) FROM projects p JOIN universes u ON u.id = p.universe_id
        WHERE u.account_id = p.user_id)
     + (SELECT count(*) FROM characters c JOIN universes u ON u.id = c.universe_id
        WHERE u.account_id = c.user_id)
"""


def build(url: str) -> None:
    """Make the world on an empty database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WORLD)
        connection.execute("VACUUM ANALYZE")


def require_all_done(url: str) -> None:
    """Raises RuntimeError unless each of the 250,000 rows has its own owner's universe."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_LINKED).fetchone()
    if row is None or row[0] != PROJECTS + CHARACTERS:
        raise RuntimeError(f"Only {row and row[0]} rows are linked.")
