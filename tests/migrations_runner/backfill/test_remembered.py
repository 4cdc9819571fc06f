"""What the form can say before anybody asks the target again. No database."""

from __future__ import annotations

import pytest

from migrations_runner.backfill.explaining import Explanation, explain
from migrations_runner.backfill.remembered import facts
from migrations_runner.linting.catalog import Catalog, Column, ForeignKey, Table
from migrations_runner.parsing import parse_script

ID = Column("id", "bigint", not_null=True)
BOOKS = Table("public", "books", columns=(ID, Column("n", "integer")), primary_key=("id",))
TREE = Table(
    "app",
    "tree",
    columns=(ID, Column("parent", "bigint")),
    primary_key=("id",),
    foreign_keys=(ForeignKey("up", ("parent",), "app", "tree", ("id",)),),
)
SHELF = Table("public", "shelf", kind="view", columns=(ID,))
HEAP = Table("public", "heap", columns=(Column("n", "integer"),), unique_keys=(("n",),))
CATALOG = Catalog(
    tables={(each.schema, each.name): each for each in (BOOKS, TREE, SHELF, HEAP)},
    functions=frozenset({"ours"}),
    complete=True,
)


def explained(text: str) -> Explanation:
    script = parse_script(text, {})
    return explain(script, facts(CATALOG, [each.node for each in script.statements]))


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE books SET n = abs(n) WHERE n < 0",
        "UPDATE books SET n = t.id FROM app.tree t WHERE t.parent = books.id",
        "DELETE FROM books WHERE n IS NULL",
        "INSERT INTO heap (n) SELECT n FROM books",
    ],
)
def test_what_the_remembered_catalog_shows_to_be_local_is_shown_as_sql(text: str) -> None:
    assert explained(text).rewritable
    assert "$1::bigint" in explained(text).sql


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("UPDATE books SET n = (SELECT count(*) FROM books)", "reads books"),
        ("UPDATE books SET n = (SELECT count(*) FROM shelf)", "reads books through shelf"),
        ("DELETE FROM app.tree", "refer to each other"),
        ("UPDATE heap SET n = 1", "no primary key"),
        ("UPDATE books SET n = ours(n)", "ours is made here"),
        ("UPDATE books SET n = lastval()", "lastval() depends"),
        ("UPDATE tree SET parent = 1", "no table tree"),
        ("INSERT INTO heap SELECT max(n) FROM books", "aggregate"),
    ],
)
def test_what_it_does_not_show_is_refused_with_its_reason(text: str, reason: str) -> None:
    assert reason in " ".join(explained(text).why)
