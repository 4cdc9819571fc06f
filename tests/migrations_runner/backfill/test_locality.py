"""Which statements may be cut into batches, and what is said of the others. No database."""

from __future__ import annotations

import pytest

from migrations_runner.backfill.explaining import explain
from migrations_runner.backfill.facts import (
    Facts,
    Function,
    Key,
    KeyColumn,
    Relation,
    Trigger,
)
from migrations_runner.backfill.locality import prove
from migrations_runner.parsing import parse_script

ID = Key("books_pkey", (KeyColumn("id", "bigint"),), primary=True)
PAIR = Key("links_pkey", (KeyColumn("a", "uuid"), KeyColumn("b", "text")), primary=True)
BOOKS = Relation(
    1,
    "public",
    "books",
    oids=frozenset({1}),
    keys=(ID,),
    refers_to_itself=frozenset({"id"}),
    checked_late=frozenset({"place"}),
    timed_defaults=frozenset({"at"}),
    deletes_reach_back=True,
)
LINKS = Relation(2, "public", "links", oids=frozenset({2}), keys=(PAIR,))
FACTS = Facts(
    relations={
        ("", "books"): BOOKS,
        ("", "links"): LINKS,
        ("", "shelf"): Relation(3, "public", "shelf", kind="v", oids=frozenset({3, 1})),
        ("", "heap"): Relation(4, "public", "heap", oids=frozenset({4})),
        ("", "watched"): Relation(
            5,
            "public",
            "watched",
            oids=frozenset({5}),
            keys=(ID,),
            triggers=(
                Trigger("each", per_row=True, events=frozenset({"UPDATE"})),
                Trigger("total", per_row=False, events=frozenset({"DELETE"})),
            ),
        ),
        ("", "ruled"): Relation(6, "public", "ruled", keys=(ID,), has_rules=True),
        ("", "parted"): Relation(
            7, "public", "parted", kind="p", oids=frozenset({7, 8}), keys=(ID,), has_children=True
        ),
        ("", "part"): Relation(8, "public", "part", oids=frozenset({7, 8}), keys=(ID,)),
        ("", "parent"): Relation(
            9, "public", "parent", oids=frozenset({9, 10}), keys=(ID,), has_children=True
        ),
    },
    functions={
        ("", "lower"): Function("i", builtin=True),
        ("", "now"): Function("s", builtin=True),
        ("", "age"): Function("s", builtin=True),
        ("", "random"): Function("v", builtin=True),
        ("", "gen_random_uuid"): Function("v", builtin=True),
        ("", "txid_current"): Function("v", builtin=True),
        ("", "pg_backend_pid"): Function("s", builtin=True),
        ("", "table_to_xml"): Function("s", builtin=True),
        ("", "count"): Function("i", builtin=True, aggregate=True),
        ("", "max"): Function("i", builtin=True, aggregate=True),
        ("", "row_number"): Function("i", builtin=True),
        ("", "unnest"): Function("i", builtin=True),
        ("", "ours"): Function("s", builtin=False),
        ("", "pure"): Function("i", builtin=False),
    },
    open_operators=frozenset({"<+>"}),
)

LOCAL = [
    "UPDATE books SET title = lower(title)",
    "UPDATE books AS b SET (title, n) = (lower(b.title), b.n + 1) WHERE b.n > 3 OR b.n IS NULL",
    "UPDATE ONLY parent SET n = 1",
    "UPDATE books SET title = pure(title), code = gen_random_uuid(), luck = random()",
    "UPDATE books b SET n = (SELECT max(l.n) FROM links l WHERE l.b = b.title)",
    "UPDATE books b SET n = (SELECT n FROM links l WHERE l.b = b.title ORDER BY l.n LIMIT 1)",
    "UPDATE books b SET n = l.n FROM links l WHERE l.b = b.title AND b.n IS NULL",
    "WITH chosen AS (SELECT a, n FROM links) UPDATE books b SET n = c.n FROM chosen c",
    "UPDATE links SET n = n + 1 WHERE EXISTS (SELECT FROM books WHERE books.title = links.b)",
    "UPDATE books SET word = 'today'::text, note = 'now and then'",
    "UPDATE parted SET n = 1",
    "UPDATE watched SET n = 1",
    "DELETE FROM links WHERE n = 0",
    "DELETE FROM links USING books b WHERE b.title = links.b",
    "INSERT INTO links SELECT gen_random_uuid(), title FROM books",
    "INSERT INTO links (a, b) SELECT owner, unnest(tags) FROM books WHERE n > 1",
    "INSERT INTO heap SELECT b.id FROM books b LEFT JOIN links l ON l.b = b.title",
    "INSERT INTO heap SELECT b.id FROM links l RIGHT JOIN books b ON l.b = b.title",
    "INSERT INTO heap (id) SELECT id FROM books ON CONFLICT DO NOTHING",
    "INSERT INTO heap (id, n) SELECT id, n FROM books ON CONFLICT (id) DO UPDATE SET n = 1",
    "INSERT INTO heap SELECT (SELECT count(l.a) FROM links l WHERE l.b = k.title) FROM books k",
]

NOT_LOCAL = [
    ("UPDATE books SET n = (SELECT max(n) FROM books)", "reads books, which this statement"),
    ("UPDATE books a SET n = b.n FROM books b WHERE b.id = a.n", "reads books"),
    ("UPDATE books SET n = 1 WHERE id IN (SELECT id FROM shelf)", "reads books through shelf"),
    ("UPDATE parted SET n = (SELECT max(p.n) FROM part p)", "reads parted through part"),
    ("WITH x AS (SELECT max(n) m FROM books) UPDATE books SET n = x.m FROM x", "reads books"),
    ("WITH x AS (DELETE FROM links RETURNING a) UPDATE books SET n = 1", "writes (DELETE)"),
    ("UPDATE books SET at = now()", "asks for now()"),
    ("UPDATE books SET at = current_timestamp", "asks for CURRENT_TIMESTAMP"),
    ("UPDATE books SET day = CURRENT_DATE", "asks for CURRENT_DATE"),
    ("UPDATE books SET at = 'now'", "'now' may mean a time"),
    ("UPDATE books SET at = ' Today '::date", "'today' may mean a time"),
    ("UPDATE books SET old = age(at)", "asks for age()"),
    ("UPDATE books SET at = DEFAULT", "default of at"),
    ("UPDATE books SET n = txid_current()", "txid_current() depends"),
    ("UPDATE books SET n = pg_backend_pid()", "pg_backend_pid() depends"),
    ("UPDATE books SET n = ours(n)", "ours is made here"),
    ("UPDATE books SET n = a <+> b", "operator <+>"),
    ("UPDATE books SET n = nobody(n)", "no function nobody"),
    ("UPDATE books SET x = table_to_xml('books', true, true, '')", "reads tables"),
    ("UPDATE books SET n = (SELECT n FROM links LIMIT 1)", "LIMIT without ORDER BY"),
    ("UPDATE books SET n = l.n FROM links l TABLESAMPLE SYSTEM (1)", "TABLESAMPLE"),
    ("UPDATE books SET id = id + 1", "every key"),
    ("UPDATE books SET place = place + 1", "checked late"),
    ("UPDATE books SET n = 1 RETURNING id", "RETURNING"),
    ("UPDATE books SET n = $1", "parameter"),
    ("UPDATE heap SET n = 1", "no primary key"),
    ("UPDATE ruled SET n = 1", "has rules"),
    ("UPDATE shelf SET n = 1", "is no table"),
    ("UPDATE parent SET n = 1", "has children"),
    ("UPDATE nowhere SET n = 1", "no table nowhere"),
    ("DELETE FROM books", "refer to each other"),
    ("DELETE FROM watched", "trigger total runs once"),
    ("INSERT INTO links VALUES (1, 2)", "given values"),
    ("INSERT INTO links SELECT 1, 2", "no plain table"),
    ("INSERT INTO links SELECT a, b FROM (SELECT * FROM books) x", "no plain table"),
    ("INSERT INTO links SELECT DISTINCT id, title FROM books", "DISTINCT"),
    ("INSERT INTO links SELECT id, title FROM books UNION SELECT id, title FROM heap", "UNION"),
    ("INSERT INTO links SELECT max(id), title FROM books GROUP BY title", "GROUP BY"),
    ("INSERT INTO links SELECT max(id), 'x' FROM books", "aggregate"),
    ("INSERT INTO links SELECT row_number() OVER (), title FROM books", "window function"),
    ("INSERT INTO links SELECT id, title FROM books ORDER BY id", "ORDER BY"),
    ("INSERT INTO links SELECT id, title FROM books ORDER BY id LIMIT 5", "LIMIT and OFFSET"),
    ("INSERT INTO links SELECT (SELECT max(k.n)), 'x' FROM books k", "before the columns"),
    ("INSERT INTO books SELECT id + 100, title FROM books", "reads books"),
    ("INSERT INTO books SELECT id FROM heap WHERE NOT EXISTS (SELECT FROM books)", "reads books"),
    ("INSERT INTO heap SELECT l.a FROM links l FULL JOIN books b ON l.b = b.title", "plain table"),
    (
        (
            "INSERT INTO heap (id, n) SELECT owner, n FROM books"
            " ON CONFLICT (id) DO UPDATE SET n = excluded.n"
        ),
        "two rows may meet",
    ),
    (
        (
            "INSERT INTO heap (id, n) SELECT b.id, b.n FROM books b JOIN links l ON l.b = b.title"
            " ON CONFLICT (id) DO UPDATE SET n = excluded.n"
        ),
        "two rows may meet",
    ),
    ("WITH books AS (SELECT 1 AS id) INSERT INTO heap SELECT id FROM books", "no plain table"),
    ("MERGE INTO books b USING links l ON l.b = b.title WHEN MATCHED THEN DELETE", "only UPDATE"),
    ("CREATE TABLE x (id int)", "only UPDATE"),
    ("UPDATE books SET n = 1 WHERE CURRENT OF c", "cursor"),
]


@pytest.mark.parametrize("text", LOCAL)
def test_a_row_local_statement_is_cut_into_batches(text: str) -> None:
    explained = explain(parse_script(text, {}), FACTS)
    assert explained.rewritable, explained.why
    assert "$1::" in explained.sql


@pytest.mark.parametrize(("text", "reason"), NOT_LOCAL)
def test_what_is_not_provably_row_local_is_told_why(text: str, reason: str) -> None:
    explained = explain(parse_script(text, {}), FACTS)
    assert not explained.rewritable
    assert reason in " ".join(explained.why)
    assert explained.why[-1] == "Run it as it is: one transaction."
    assert not explained.sql


def test_one_statement_that_is_not_local_refuses_the_whole_script() -> None:
    script = parse_script("UPDATE links SET n = 1;\nUPDATE books SET at = now();", {})
    explained = explain(script, FACTS)
    assert explained.why[0].startswith("Line 2 is not provably row-local: it asks for now()")
    assert explained.sql == ""


def test_notes_say_what_is_as_open_as_in_the_one_statement() -> None:
    def notes(text: str) -> str:
        return " ".join(prove(parse_script(text, {}).statements[0].node, FACTS).notes)

    assert "several joined rows" in notes("UPDATE books b SET n = l.n FROM links l")
    assert "trigger each" in notes("UPDATE watched SET n = 1")
    assert "random()" in notes("UPDATE books SET n = random()")
    assert "default of at" in notes("INSERT INTO books (id) SELECT n FROM links")


def test_the_sql_is_the_statement_narrowed_to_a_range_of_keys() -> None:
    script = parse_script("DELETE FROM links k WHERE n = 1 OR n = 2", {})
    shown = explain(script, FACTS).sql
    assert shown.splitlines()[-1] == (
        "DELETE FROM links k WHERE (n = 1 OR n = 2) AND (k.a, k.b) > ($3::uuid, $4::text)"
        " AND (k.a, k.b) <= ($1::uuid, $2::text);"
    )
