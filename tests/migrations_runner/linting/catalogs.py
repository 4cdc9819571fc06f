"""The databases that labelled scripts are meant for, by the name in their header."""

from __future__ import annotations

from dataclasses import replace

from migrations_runner.linting.catalog import Catalog, Check, Column, ForeignKey, Index, Table


def _table(
    name: str, rows: int, columns: str, key: str = "id", *, kind: str = "table", **more: object
) -> Table:
    """Columns are written `name type`, with a `!` where NULL is not allowed, parted by `;`."""
    return Table(
        "public",
        name,
        kind=kind,
        rows=rows,
        columns=tuple(_column(each.strip(), n) for n, each in enumerate(columns.split(";"), 1)),
        primary_key=(key,) if key else (),
        **more,  # type: ignore[arg-type]
    )


def _column(written: str, position: int) -> Column:
    name, type_ = written.rstrip("!").split(" ", 1)
    return Column(name, type_, not_null=written.endswith("!"), position=position)


_TABLES = (
    _table(
        "accounts",
        50_000,
        "id uuid!; email text!; plan text; created_at timestamp with time zone!",
        unique_keys=(("email",),),
        indexes=(Index("accounts_email_uniq2", ("email",), unique=True),),
    ),
    _table(
        "books",
        400_000,
        "id bigint!; account_id uuid!; title character varying(200)!; isbn character varying(13);"
        " price numeric(8,2); pages integer; status book_status;"
        " published timestamp with time zone",
        indexes=(
            Index("books_account_id_idx", ("account_id",)),
            Index("index_books_on_title", ("title",)),
        ),
        foreign_keys=(
            ForeignKey("books_account_id_fkey", ("account_id",), "public", "accounts", ("id",)),
        ),
        checks=(Check("books_price_check", "CHECK ((price >= 0))"),),
    ),
    _table(
        "chapters",
        2_000_000,
        "id bigint!; book_id bigint!; body text",
        indexes=(Index("chapters_book_id_idx", ("book_id",)),),
    ),
    _table("settings", 12, "id integer!; key text!; value text", unique_keys=(("key",),)),
    _table(
        "tokens",
        90_000,
        "code text; made timestamp with time zone!",
        key="",
        indexes=(Index("tokens_code_uniq", ("code",), unique=True),),
    ),
    _table("events", 5_000_000, "at timestamp with time zone!; kind text", "", kind="partitioned"),
    _table(
        "events_2026_01", 400_000, "at timestamp with time zone!; kind text", "",
        partition_of="events",
    ),
    _table("published_books", 0, "id bigint; title text", "", kind="view"),
)  # fmt: skip

BOOKS = Catalog(
    server_version=180_000,
    tables={(table.schema, table.name): table for table in _TABLES},
    functions=frozenset({"full_title"}),
    enums={"book_status": ("draft", "published")},
    complete=True,
)

CATALOGS: dict[str, Catalog | None] = {
    "none": None,
    "books": BOOKS,
    "old": replace(BOOKS, server_version=140_002),
    "twice": BOOKS.with_table(replace(_TABLES[1], schema="archive")),
}
