"""The stand-in's HTML. Pure: rows in, a page out; no script and no style."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

LINKS: Final = {
    "/": "Home",
    "/dashboard": "Dashboard",
    "/app/books": "Books",
    "/universes": "Universes",
    "/assets": "Assets",
    "/login": "Log in",
}


def page(title: str, content: str) -> str:
    links = " · ".join(f'<a href="{path}">{label}</a>' for path, label in LINKS.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Publishing stand-in</title></head>\n"
        f"<body>\n<nav>{links}</nav>\n<main>\n<h1>{escape(title)}</h1>\n{content}\n</main>\n"
        "</body>\n</html>\n"
    )


def listing(names: Iterable[object]) -> str:
    """One name a line, each in its own direction: an Arabic title reads from the right."""
    items = "\n".join(f'<li dir="auto">{escape(str(name))}</li>' for name in names)
    return f"<ul>\n{items}\n</ul>" if items else "<p>Nothing here yet.</p>"


def books(titles: Iterable[object], *, total: int, universe_v2: bool) -> str:
    said = "true" if universe_v2 else "false"
    shelf = "Books in their universes" if universe_v2 else "Your books"
    return page(
        "Books",
        f'<p>{shelf}: {total} in all. <code>"universe_v2": {said}</code></p>\n{listing(titles)}',
    )


def login() -> str:
    return page(
        "Log in",
        '<form method="get" action="/dashboard">'
        '<label>E-mail <input type="email" name="email" autocomplete="email"></label> '
        "<button>Log in</button></form>",
    )
