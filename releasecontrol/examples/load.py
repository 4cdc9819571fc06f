"""The example installation: a person for each role, two worlds, a plan imported, tokens.

Every step looks at what stands and does the rest, so it may be called on each start and after a
kill at any line; what people changed meanwhile is left as it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from releasecontrol import people
from releasecontrol.examples import keeping, world
from releasecontrol.plan import scripts as script_files
from releasecontrol.plan.apply import apply
from releasecontrol.plan.parse import parse_plan
from releasecontrol.world import ensure_environments
from releases import tokens
from releases.models import ApiToken, Environment, Release, TargetDatabase
from releases.states import RELEASE
from releases.timeline import Actor

SLUG: Final = "universe-v2"
PLAN: Final = world.HERE / "plan.md"
ACTOR: Final = Actor.machine("example")
TOKEN_NAME: Final = "Example application"  # noqa: S105 - what the token is called

#: user name, full name, role
PEOPLE: Final = (
    ("ana", "Ana Almeida", "release-manager"),
    ("ben", "Ben Bauer", "engineer"),
    ("dora", "Dora Diaz", "product"),
    ("cleo", "Cleo Chen", "support"),
    ("vic", "Vic Vega", "viewer"),
    ("admin", "Admin", "superuser"),
)

Login = dict[str, str]


def load() -> Release:
    """Make the example, or what is missing of it. Raises what the worlds and the plan refuse."""
    directory = Path(settings.VAR_DIR)
    with keeping.alone(directory):
        environments = ensure_environments()
        ensure_people(directory / "example-logins.json")
        ensure_tokens(directory / "example-tokens.json", environments.values())
        ensure_worlds()
        return ensure_release()


def ensure_people(file: Path) -> None:
    """Everybody of the example can sign in with the password in the file.

    Where the file is missing, everybody gets a new password.
    """
    known = keeping.read(file)
    logins: list[Login] = known or keeping.read(keeping.draft_of(file)) or _new_logins()
    if known is None:
        keeping.write_draft(file, logins)
    with transaction.atomic():
        for login in logins:
            _ensure_person(login, afresh=known is None)
    if known is None:
        keeping.publish(file)


def ensure_tokens(file: Path, environments: Iterable[Environment]) -> None:
    """The file holds a live token for each environment, for the stand-in application."""
    wanted = list(environments)
    if _are_live(keeping.read(file), wanted):
        return
    if not _are_live(keeping.read(keeping.draft_of(file)), wanted):
        with transaction.atomic():
            keeping.write_draft(file, {one.slug: _new_token(one) for one in wanted})
    keeping.publish(file)


def ensure_worlds() -> None:
    """The example world stands on every target whose variable is set here."""
    for name, size in world.SIZES.items():
        target = TargetDatabase.objects.filter(name=name).first()
        url = os.environ.get(target.url_variable) if target else None
        if url:
            world.build(url, **size)


def ensure_release() -> Release:
    """The example plan as a release, with its scripts. One that has ended stays as it ended."""
    release = Release.objects.filter(slug=SLUG).first()
    if release is not None and release.state in RELEASE.final:
        return release
    source = PLAN.read_bytes()
    done = apply(
        parse_plan(source),
        slug=SLUG,
        title="",
        actor=ACTOR,
        filename=PLAN.name,
        source_bytes=source,
        scripts={},
    )
    waiting = set(script_files.awaiting(done.release))
    files = script_files.from_directory(world.SCRIPTS) if waiting else {}
    wanted = {path: text for path, text in files.items() if Path(path).name in waiting}
    if wanted:
        script_files.attach(release=done.release, files=wanted, actor=ACTOR)
    return done.release


def _new_logins() -> list[Login]:
    return [
        {"username": username, "name": name, "role": role, "password": secrets.token_urlsafe(12)}
        for username, name, role in PEOPLE
    ]


def _ensure_person(login: Login, *, afresh: bool) -> None:
    user = User.objects.filter(username=login["username"]).first() or _new_person(login)
    # Checking a password takes long by design; that one can be used is enough to know here.
    if afresh or not user.has_usable_password():
        user.set_password(login["password"])
        user.save(update_fields=["password"])


def _new_person(login: Login) -> User:
    if login["role"] in people.ROLES:
        return people.add_person(username=login["username"], name=login["name"], role=login["role"])
    return User.objects.create(
        username=login["username"],
        first_name=login["name"],
        password="!",  # noqa: S106 - no password can match it
        is_staff=True,
        is_superuser=True,
    )


def _are_live(known: object, environments: list[Environment]) -> bool:
    return isinstance(known, dict) and all(
        _is_live(str(known.get(environment.slug, "")), environment) for environment in environments
    )


def _is_live(plain: str, environment: Environment) -> bool:
    token = tokens.verify(plain, scope=ApiToken.Scope.EVALUATE)
    return token is not None and token.environment_id == environment.pk


def _new_token(environment: Environment) -> str:
    standing = ApiToken.objects.filter(name=TOKEN_NAME, environment=environment, revoked_at=None)
    for token in standing:  # its text is lost, so nobody can use it
        tokens.revoke(token=token, actor=ACTOR)
    _, plain = tokens.issue(
        environment=environment, scope=ApiToken.Scope.EVALUATE, name=TOKEN_NAME, actor=ACTOR
    )
    return plain
