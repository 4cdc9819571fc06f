"""The stand-in's SQL, each with a name. Pure text.

`to_jsonb(p) ->> 'universe_id'` looks the column up by name when the query runs, so that the same
text serves the books before and after the column exists. Lists pick their few rows first: doing
this for each of 50,000 would take a while.
"""

from __future__ import annotations

from typing import Final, LiteralString

Queries = dict[str, LiteralString]

ACCOUNT: Final = "SELECT id FROM accounts WHERE id = %s"
FIRST_ACCOUNT: Final = (
    "SELECT id FROM accounts ORDER BY email <> 'smoke-test@example.org', created_at, id LIMIT 1"
)

ALL_BOOKS: Final = """
    SELECT p.id, p.user_id, p.title, p.status, to_jsonb(p) ->> 'universe_id' AS universe_id,
           p.created_at
    FROM (SELECT * FROM projects ORDER BY created_at DESC, id LIMIT %s) AS p"""
COUNT_ALL_BOOKS: Final = "SELECT count(*) AS total FROM projects"

LISTS: Final[Queries] = {
    "projects": """
        SELECT p.id, p.user_id, p.title, p.status, to_jsonb(p) ->> 'universe_id' AS universe_id,
               p.created_at
        FROM (SELECT * FROM projects WHERE user_id = %s
              ORDER BY created_at DESC, id LIMIT %s) AS p""",
    "universes": """
        SELECT id, account_id, name, description, book_presets, tags, created_at
        FROM universes WHERE account_id = %s ORDER BY created_at DESC, id LIMIT %s""",
    "assets": """
        SELECT id, user_id, project_id, type, name, created_at
        FROM assets WHERE user_id = %s ORDER BY created_at DESC, id LIMIT %s""",
    "characters": """
        SELECT id, user_id, project_id, name, part, created_at
        FROM characters WHERE user_id = %s ORDER BY created_at DESC, id LIMIT %s""",
}
COUNTS: Final[Queries] = {
    "projects": "SELECT count(*) AS total FROM projects WHERE user_id = %s",
    "universes": "SELECT count(*) AS total FROM universes WHERE account_id = %s",
    "assets": "SELECT count(*) AS total FROM assets WHERE user_id = %s",
    "characters": "SELECT count(*) AS total FROM characters WHERE user_id = %s",
}

CREATE_UNIVERSE: Final = """
    INSERT INTO universes (account_id, name, description, tags) VALUES (%s, %s, %s, %s)
    RETURNING id, account_id, name, description, book_presets, tags, created_at"""
CREATE_BOOK: Final = """
    INSERT INTO projects AS p (user_id, title) VALUES (%s, %s)
    RETURNING p.id, p.user_id, p.title, p.status, to_jsonb(p) ->> 'universe_id' AS universe_id,
              p.created_at"""
# No row comes back when the universe is not one of the same account.
CREATE_BOOK_IN_UNIVERSE: Final = """
    INSERT INTO projects AS p (user_id, title, universe_id)
    SELECT u.account_id, %s, u.id FROM universes AS u WHERE u.id = %s AND u.account_id = %s
    RETURNING p.id, p.user_id, p.title, p.status, p.universe_id, p.created_at"""
CREATE_ASSET: Final = """
    INSERT INTO assets (user_id, type, name) VALUES (%s, %s, %s)
    RETURNING id, user_id, project_id, type, name, created_at"""

DELETES: Final[Queries] = {
    "projects": "DELETE FROM projects WHERE id = %s AND user_id = %s RETURNING id",
    "universes": "DELETE FROM universes WHERE id = %s AND account_id = %s RETURNING id",
    "assets": "DELETE FROM assets WHERE id = %s AND user_id = %s RETURNING id",
}
