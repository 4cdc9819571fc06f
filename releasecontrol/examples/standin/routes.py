"""Which path does what: one table, and a small function for each row of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from uuid import UUID

from releasecontrol.examples.standin import forms, pages
from releasecontrol.examples.standin.answers import (
    Answer,
    Refused,
    Request,
    html_answer,
    json_answer,
)
from releasecontrol.examples.standin.flag import FlagClient
from releasecontrol.examples.standin.meter import Chaos, Meter, misbehaviour
from releasecontrol.examples.standin.store import Row, Store

ON_A_PAGE: Final = 20


@dataclass(frozen=True)
class App:
    """Everything the stand-in is made of; one per process."""

    store: Store
    flag: FlagClient
    token: str
    meter: Meter = field(default_factory=Meter)
    chaos: Chaos = field(default_factory=Chaos)


def healthz(app: App, _request: Request) -> Answer:
    if app.store.is_there():
        return json_answer({"status": "ok"})
    return json_answer(
        {"status": "the database does not answer"}, status=HTTPStatus.SERVICE_UNAVAILABLE
    )


def metrics(app: App, _request: Request) -> Answer:
    return Answer(HTTPStatus.OK, app.meter.exposition().encode(), "text/plain; version=0.0.4")


def show_chaos(app: App, _request: Request) -> Answer:
    now = app.chaos.now
    return json_answer(
        {"error_rate": now.error_rate, "delay_ms": now.delay_ms, "variant": now.variant}
    )


def change_chaos(app: App, request: Request) -> Answer:
    app.chaos.become(misbehaviour(request.body))
    return show_chaos(app, request)


def home(_app: App, _request: Request) -> Answer:
    return html_answer(pages.page("Publishing stand-in", "<p>Books for children, made here.</p>"))


def login(_app: App, _request: Request) -> Answer:
    return html_answer(pages.login())


def dashboard(app: App, request: Request) -> Answer:
    account = app.store.account(request.user)
    kinds = {"projects": "Books", "characters": "Characters", "assets": "Assets"}
    lines = [f"{label}: {app.store.total(kind, account)}" for kind, label in kinds.items()]
    return html_answer(pages.page("Dashboard", pages.listing(lines)))


def books(app: App, request: Request) -> Answer:
    """The page the flag changes, and says so in HTML and in JSON."""
    account = app.store.account(request.user) if forms.as_uuid(request.user) else None
    rows, total = app.store.latest_books(account, most=ON_A_PAGE)
    if request.wants_json:
        return json_answer({"universe_v2": request.universe_v2, "total": total, "books": rows})
    titles = [row["title"] for row in rows]
    return html_answer(pages.books(titles, total=total, universe_v2=request.universe_v2))


def universes_page(app: App, request: Request) -> Answer:
    return _names_page(app, request, "universes", "Universes")


def assets_page(app: App, request: Request) -> Answer:
    return _names_page(app, request, "assets", "Assets")


def _names_page(app: App, request: Request, kind: str, title: str) -> Answer:
    rows = app.store.listed(kind, app.store.account(request.user), most=ON_A_PAGE)
    return html_answer(pages.page(title, pages.listing(row["name"] for row in rows)))


def create_universe(app: App, request: Request) -> Answer:
    made = app.store.create_universe(
        app.store.account(request.user),
        name=forms.name(request.body, "name"),
        description=forms.text(request.body, "description"),
        tags=forms.tags(request.body),
    )
    return _created("universes", made)


def create_book(app: App, request: Request) -> Answer:
    made = app.store.create_book(
        app.store.account(request.user),
        title=forms.name(request.body, "title"),
        universe=forms.identity(request.body, "universe_id"),
    )
    return _created("projects", made)


def create_asset(app: App, request: Request) -> Answer:
    made = app.store.create_asset(
        app.store.account(request.user),
        kind=forms.asset_type(request.body),
        name=forms.name(request.body, "name"),
    )
    return _created("assets", made)


def _created(kind: str, made: Row) -> Answer:
    where = {"Location": f"/api/{kind}/{made['id']}"}
    return json_answer(made, status=HTTPStatus.CREATED, headers=where)


def list_things(app: App, request: Request) -> Answer:
    kind = request.path.rsplit("/", 1)[1]
    account = app.store.account(request.user)
    rows = app.store.listed(kind, account)
    return json_answer({kind: rows, "total": app.store.total(kind, account)})


def delete_thing(app: App, request: Request) -> Answer:
    """Only what belongs to the account that asks; anything else is simply not there."""
    _, _, kind, thing = request.path.split("/")
    if not app.store.delete(kind, UUID(thing), app.store.account(request.user)):
        raise Refused(HTTPStatus.NOT_FOUND, "no such thing of this account")
    return Answer(HTTPStatus.NO_CONTENT)


@dataclass(frozen=True)
class Route:
    """`counted`: part of the application, so the flag is asked, it is measured and may misbehave.

    `token`: needs the application's token. `loopback`: only for this machine.
    """

    method: str
    pattern: re.Pattern[str]
    run: Callable[[App, Request], Answer]
    counted: bool = True
    token: bool = False
    loopback: bool = False


def _page(path: str, run: Callable[[App, Request], Answer]) -> Route:
    return Route("GET", re.compile(re.escape(path)), run)


def _api(method: str, pattern: str, run: Callable[[App, Request], Answer]) -> Route:
    return Route(method, re.compile(f"/api/{pattern}"), run, token=True)


UUID_PATTERN: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ROUTES: Final = (
    Route("GET", re.compile("/healthz"), healthz, counted=False),
    Route("GET", re.compile("/metrics"), metrics, counted=False),
    Route("GET", re.compile("/chaos"), show_chaos, counted=False, loopback=True),
    Route("POST", re.compile("/chaos"), change_chaos, counted=False, loopback=True),
    _page("/", home),
    _page("/login", login),
    _page("/dashboard", dashboard),
    _page("/app/books", books),
    _page("/universes", universes_page),
    _page("/assets", assets_page),
    _api("GET", "(universes|projects|assets|characters)", list_things),
    _api("POST", "universes", create_universe),
    _api("POST", "projects", create_book),
    _api("POST", "assets", create_asset),
    _api("DELETE", f"(universes|projects|assets)/{UUID_PATTERN}", delete_thing),
)


def find(method: str, path: str) -> Route:
    """The route of a request; 404, or 405 with the methods that would do."""
    at_path = [route for route in ROUTES if route.pattern.fullmatch(path)]
    for route in at_path:
        if route.method == ("GET" if method == "HEAD" else method):
            return route
    if at_path:
        allowed = {"Allow": ", ".join(sorted({route.method for route in at_path}))}
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not for this path", allowed)
    raise Refused(HTTPStatus.NOT_FOUND, "there is nothing at this path")
