"""The people of the example installation, whom anybody may be: one for each role.

Only where ``EXAMPLE`` is set, only these user names, and only while each is in a role: an account
of a real installation is never reachable without its password.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User

from releasecontrol import people
from releases.refusals import Refused

#: user name -> role, in the order in which a newcomer should try them.
ROLE_OF = {
    "ana": "release-manager",
    "ben": "engineer",
    "dora": "product",
    "cleo": "support",
    "vic": "viewer",
}


class NotAnExamplePerson(Refused):
    """Nobody of that name can be tried here; you stay who you are."""


@dataclass(frozen=True)
class ExamplePerson:
    """Somebody whom a visitor may be."""

    username: str
    first_name: str
    role_name: str
    does: str


def people_to_be() -> list[ExamplePerson]:
    """The example people who are here and in their role; none outside the example."""
    if not settings.EXAMPLE:
        return []
    here = {user.get_username(): user for user in _users()}
    return [_person(here[name], key) for name, key in ROLE_OF.items() if name in here]


def user_of(username: str) -> User:
    """The account behind an example user name. Raises NotAnExamplePerson."""
    found = next((user for user in _users() if user.get_username() == username), None)
    if not settings.EXAMPLE or found is None:
        raise NotAnExamplePerson
    return found


def _users() -> list[User]:
    roles = [people.ROLES[key].name for key in ROLE_OF.values()]
    found = User.objects.filter(
        username__in=ROLE_OF, groups__name__in=roles, is_active=True, is_superuser=False
    )
    return list(found.distinct())


def _person(user: User, key: str) -> ExamplePerson:
    role = people.ROLES[key]
    return ExamplePerson(
        user.get_username(), user.first_name or user.get_username(), role.name, role.does
    )
