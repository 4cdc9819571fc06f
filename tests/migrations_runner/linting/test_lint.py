"""Corrected SQL, levels, suppressions: what the labels do not say."""

from __future__ import annotations

import pytest

from migrations_runner.linting import Finding, lint
from migrations_runner.linting.table import RULES
from migrations_runner.parsing import check
from tests.migrations_runner.linting.catalogs import BOOKS


def only(text: str, rule: str, **more: object) -> Finding:
    (found,) = [each for each in lint(text, **more) if each.rule == rule]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("sql", "rule", "rewrite"),
    [
        (
            "CREATE INDEX i ON books (:\"c\") WHERE title = :'t'",
            "index-blocks-writes",
            "CREATE INDEX CONCURRENTLY i ON books USING btree (:\"c\") WHERE title = :'t';",
        ),
        ("DROP INDEX a", "drop-index-blocks", "DROP INDEX CONCURRENTLY a;"),
        ("REINDEX TABLE a", "reindex-blocks-writes", "REINDEX TABLE CONCURRENTLY a;"),
        (
            "ALTER TABLE a ADD UNIQUE (x)",
            "key-builds-index",
            (
                "CREATE UNIQUE INDEX CONCURRENTLY a_x_key ON a (x);\n"
                "ALTER TABLE a ADD CONSTRAINT a_x_key UNIQUE USING INDEX a_x_key;"
            ),
        ),
        (
            "ALTER TABLE a DETACH PARTITION b",
            "detach-partition-blocks",
            "ALTER TABLE a DETACH PARTITION b CONCURRENTLY;",
        ),
    ],
)
def test_the_corrected_sql_is_this(sql: str, rule: str, rewrite: str) -> None:
    assert only(sql, rule).rewrite == rewrite


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b (id)",
        "ALTER TABLE a ALTER COLUMN x SET NOT NULL",
        "ALTER TABLE a ADD COLUMN x uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE a ALTER COLUMN x TYPE bigint",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (x)",
        "ALTER TABLE a RENAME TO b",
    ],
)
def test_corrected_sql_parses(sql: str) -> None:
    (found,) = lint(sql)
    assert found.rewrite
    assert not check(found.rewrite).problems


def test_a_table_of_twelve_rows_is_advice_at_most() -> None:
    sql = "CREATE INDEX i ON settings (value)"
    assert only(sql, "index-blocks-writes", catalog=BOOKS).level == "advice"
    assert only(sql, "index-blocks-writes").level == "warning"


def test_what_fails_for_certain_is_an_error_only_where_there_are_rows() -> None:
    sql = "ALTER TABLE books ADD COLUMN language text NOT NULL"
    rule = "required-column-without-default"
    assert only(sql, rule, catalog=BOOKS).level == "error"
    assert only(sql, rule).level == "warning"


def test_a_reason_lets_a_finding_stand() -> None:
    text = "-- rc: allow whole-table-write: carts are a cache\nDELETE FROM carts"
    assert [each.allowed for each in lint(text)] == ["carts are a cache"]


def test_a_comment_without_reason_allows_nothing_and_is_told() -> None:
    found = lint("DELETE FROM carts -- rc: allow whole-table-write")
    assert {(each.rule, each.allowed) for each in found} == {
        ("whole-table-write", None),
        ("suppression-without-reason", None),
    }


def test_a_comment_that_allows_nothing_is_told() -> None:
    assert [each.rule for each in lint("-- rc: allow drop-index-blocks: at night\nSELECT 1")] == [
        "suppression-unused"
    ]


def test_a_comment_is_about_its_own_statement_only() -> None:
    text = "-- rc: allow whole-table-write: a cache\nDELETE FROM a;\nDELETE FROM b;"
    assert [each.allowed for each in lint(text)] == ["a cache", None]


def test_a_script_that_cannot_run_says_where_and_nothing_else() -> None:
    (found,) = lint("DELETE FROM a;\nSELEC 1")
    assert (found.rule, found.level, found.line) == ("syntax", "error", 2)


def test_every_rule_has_its_words() -> None:
    assert all(rule.why.endswith(".") and rule.safe_form.endswith(".") for rule in RULES)
