"""Roles: which group may call which verb, and inviting a colleague by link.

Groups are made after each `migrate`, so a new permission reaches its roles with its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from releases import timeline
from releases.refusals import Refused
from releases.timeline import Actor

#: Rooms whose records every role of the console may look at.
_ROOMS = ("releases", "checklists", "flags", "migrations_runner", "monitoring")


class PersonExists(Refused):
    """Somebody with this user name is here already; nobody was invited."""


class UnknownRole(Refused):
    """There is no such role; nobody was invited."""


@dataclass(frozen=True)
class Role:
    """A role: its name on screens, the verbs it may call, and whether it enters the admin."""

    name: str
    does: str
    verbs: frozenset[str]
    sees_admin: bool = True
    sees_sql: bool = True


_CHECKLIST = {"checklists.tick_item", "checklists.waive_item", "checklists.sign_off"}
_RUNS = {
    "migrations_runner.queue_run",
    "migrations_runner.approve_run",
    "migrations_runner.cancel_run",
    "migrations_runner.hold_target",
    "migrations_runner.take_backup",
    "migrations_runner.attest_backup",
}
_EDIT_SCRIPTS = {
    "migrations_runner.add_migrationscript",
    "migrations_runner.change_migrationscript",
    "migrations_runner.add_scriptcheck",
    "migrations_runner.change_scriptcheck",
    "migrations_runner.delete_scriptcheck",
}
_EDIT_ITEMS = {"checklists.add_checklistitem", "checklists.change_checklistitem"}
_DIAL = {"flags.turn_dial", "flags.kill_flag"}
_TARGET = {"flags.target_users", "flags.approve_change"}
_EDIT_FLAGS = {
    "flags.add_flag",
    "flags.change_flag",
    "flags.add_variant",
    "flags.change_variant",
    "flags.delete_variant",
}
_STATUS = {"releases.view_status"}
_SMOKE = {"monitoring.run_smoketest"}
_EDIT_WATCHED = {
    "monitoring.add_smoketest",
    "monitoring.change_smoketest",
    "monitoring.change_metric",
}

ROLES: dict[str, Role] = {
    "release-manager": Role(
        "Release manager",
        "drives the cutover: plan, gates, runs, dial",
        frozenset(
            _CHECKLIST
            | _RUNS
            | _EDIT_SCRIPTS
            | _EDIT_ITEMS
            | _DIAL
            | _TARGET
            | _EDIT_FLAGS
            | _EDIT_WATCHED
            | _STATUS
            | _SMOKE
        )
        | {
            "releases.import_plan",
            "releases.move_release",
            "releases.invite_person",
            "releases.add_release",
            "releases.change_release",
            "releases.add_targetdatabase",
            "releases.change_targetdatabase",
            "releases.add_apitoken",
            "releases.change_apitoken",
        },
    ),
    "engineer": Role(
        "Engineer",
        "writes and runs SQL, ticks, turns the dial, kills",
        frozenset(
            _CHECKLIST
            | _RUNS
            | _EDIT_SCRIPTS
            | _EDIT_ITEMS
            | _DIAL
            | _TARGET
            | _EDIT_FLAGS
            | _EDIT_WATCHED
            | _STATUS
            | _SMOKE
        )
        | {"releases.import_plan"},
    ),
    "product": Role(
        "Product",
        "ticks, signs off, turns the dial, kills",
        frozenset(_CHECKLIST | _DIAL | _STATUS | _SMOKE),
        sees_sql=False,
    ),
    "support": Role(
        "Support",
        "reads the status pages and looks up users",
        frozenset(_STATUS),
        sees_admin=False,
        sees_sql=False,
    ),
    "viewer": Role("Viewer", "sees everything, changes nothing", frozenset(_STATUS)),
}


def ensure_roles() -> None:
    """Make every role's group hold exactly its permissions."""
    for role in ROLES.values():
        group, _ = Group.objects.get_or_create(name=role.name)
        group.permissions.set(_permissions_of(role))


def ensure_roles_after_migrate(**_kwargs: Any) -> None:
    ensure_roles()


def _permissions_of(role: Role) -> list[Permission]:
    wanted = Q(pk__in=[])
    for verb in role.verbs:
        app, codename = verb.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    if role.sees_admin:
        rooms = [room for room in _ROOMS if role.sees_sql or room != "migrations_runner"]
        seen = Q(content_type__app_label__in=rooms, codename__startswith="view_")
        wanted |= seen if role.sees_sql else seen & ~Q(codename="view_plandocument")
    return list(Permission.objects.filter(wanted))


def role_of(user: Any) -> Role | None:
    """The first of the user's roles, in the table's order; None without one."""
    names = set(user.groups.values_list("name", flat=True)) if user.pk else set()
    return next((role for role in ROLES.values() if role.name in names), None)


def add_person(*, username: str, name: str, role: str) -> User:
    """A user in one role, without a password yet. Raises UnknownRole, PersonExists."""
    if role not in ROLES:
        raise UnknownRole(f"Choose one of: {', '.join(ROLES)}.")
    first, _, last = name.partition(" ")
    user = User(
        username=username, first_name=first, last_name=last, is_staff=ROLES[role].sees_admin
    )
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.full_clean(exclude=["password"], validate_unique=False)
            user.save(force_insert=True)
    except IntegrityError:
        raise PersonExists(f"{username} has an account.") from None
    user.groups.add(Group.objects.get(name=ROLES[role].name))
    return user


@transaction.atomic
def invite(*, username: str, name: str, email: str, role: str, actor: Actor) -> tuple[User, str]:
    """Add a colleague; the second value is the path of the link on which they set a password.

    The link is Django's password-reset token: it ends when it was used, or after
    ``PASSWORD_RESET_TIMEOUT``.
    """
    actor.require("releases.invite_person")
    user = add_person(username=username, name=name, role=role)
    if email:
        user.email = email
        user.save(update_fields=["email"])
    timeline.record(actor=actor, verb="person.invite", subject=user, data={"role": role})
    return user, invitation_path(user)


def invitation_path(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("accept-invitation", args=[uid, default_token_generator.make_token(user)])
