"""Signing in, being somebody of the example, inviting and being invited."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from releasecontrol import people
from releases.models import Event

PASSWORD = "correct horse battery"


def sign_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def test_each_role_begins_where_its_day_begins(
    client: Client, ana: User, cleo: User, vic: User, dora: User, ben: User
) -> None:
    for person in (ana, ben, dora, vic):
        assert sign_in(client, person).get("/")["Location"] == "/releases/"
    assert sign_in(client, cleo).get("/")["Location"] == "/status/"


def test_somebody_without_a_role_is_told_so(client: Client, dan: User) -> None:
    answer = sign_in(client, dan).get("/")
    assert answer.status_code == 403
    assert "no role yet" in answer.content.decode()


def test_a_stranger_is_asked_to_sign_in_and_comes_back(client: Client, ana: User) -> None:
    assert client.get("/releases/")["Location"] == "/login/?next=/releases/"
    given = {"username": "ana", "password": PASSWORD, "next": "/releases/"}
    assert client.post("/login/", given)["Location"] == "/releases/"


def test_a_wrong_password_is_refused(client: Client, ana: User) -> None:
    answer = client.post("/login/", {"username": "ana", "password": "guess"})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_support_is_told_that_the_admin_is_not_for_that_role(client: Client, cleo: User) -> None:
    answer = sign_in(client, cleo).get("/admin/", follow=True)
    assert "not for your role" in answer.content.decode()
    assert len(answer.redirect_chain) == 2  # not sent round in a circle


def test_the_way_into_the_admin_leads_there_after_signing_in(client: Client, ana: User) -> None:
    asked = client.get("/admin/releases/release/", follow=True).redirect_chain[-1][0]
    assert asked == "/login/?next=%2Fadmin%2Freleases%2Frelease%2F"
    given = {"username": "ana", "password": PASSWORD, "next": "/admin/releases/release/"}
    assert client.post("/login/", given, follow=True).status_code == 200


def test_signing_out_takes_a_post(client: Client, ana: User) -> None:
    sign_in(client, ana)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert "_auth_user_id" not in client.session


# --- The example installation ---------------------------------------------------------------


def test_nobody_gets_in_without_a_password_outside_the_example(
    client: Client, ana: User, settings: Any
) -> None:
    settings.EXAMPLE = False
    assert client.post("/login/example/", {"username": "ana"}).status_code == 404
    assert "Try it as" not in client.get("/login/").content.decode()
    assert "_auth_user_id" not in client.session


def test_the_example_lets_one_person_try_every_role(
    client: Client, ana: User, ben: User, cleo: User, settings: Any
) -> None:
    settings.EXAMPLE = True
    page = client.get("/login/").content.decode()
    assert "Sign in as Ana, release manager" in page
    assert client.post("/login/example/", {"username": "ana"})["Location"] == "/"
    shown = client.get("/releases/").content.decode()
    assert "You are Ana, release manager · switch" in shown
    client.post("/login/example/", {"username": "cleo"})
    assert client.session["_auth_user_id"] == str(cleo.pk)


@pytest.mark.parametrize("username", ["dan", "root", "", "ana'--", "zoe"])
def test_the_example_opens_no_account_but_those_of_its_cast(
    client: Client, dan: User, username: str, settings: Any
) -> None:
    settings.EXAMPLE = True
    User.objects.create_superuser("root", password=PASSWORD)
    people.add_person(username="zoe", name="Zoe", role="engineer")
    assert client.post("/login/example/", {"username": username})["Location"] == "/login/"
    assert "_auth_user_id" not in client.session


def test_a_superuser_who_took_an_example_name_stays_closed(
    client: Client, ana: User, settings: Any
) -> None:
    settings.EXAMPLE = True
    User.objects.filter(pk=ana.pk).update(is_superuser=True)
    client.post("/login/example/", {"username": "ana"})
    assert "_auth_user_id" not in client.session


def test_the_example_sends_nobody_to_another_site(client: Client, ana: User, settings: Any) -> None:
    settings.EXAMPLE = True
    given = {"username": "ana", "next": "https://evil.example/"}
    assert client.post("/login/example/", given)["Location"] == "/"


# --- Invitations ----------------------------------------------------------------------------

NEW = {"name": "Eva Ek", "username": "eva", "email": "", "role": "engineer"}


def test_an_invited_colleague_sets_a_password_and_is_in(client: Client, ana: User) -> None:
    page = sign_in(client, ana).post("/people/invite/", NEW).content.decode()
    found = re.search(r'value="(http://testserver/invitation/[^"]+)"', page)
    assert found is not None
    eva = Client()
    form = eva.get(found[1], follow=True)
    assert "Welcome, Eva" in form.content.decode()
    chosen = {"new_password1": "a long enough one 77", "new_password2": "a long enough one 77"}
    address = form.redirect_chain[-1][0]
    assert eva.post(address, chosen)["Location"] == "/"
    assert eva.get("/releases/").status_code == 200
    verbs = Event.objects.order_by("id").values_list("actor_name", "verb")
    assert list(verbs) == [("Ana Almeida", "person.invite"), ("Eva Ek", "person.join")]


def test_an_invitation_works_only_once(client: Client, ana: User) -> None:
    page = sign_in(client, ana).post("/people/invite/", NEW).content.decode()
    found = re.search(r'value="http://testserver(/invitation/[^"]+)"', page)
    assert found is not None
    eva = Client()
    address = eva.get(found[1], follow=True).redirect_chain[-1][0]
    chosen = {"new_password1": "a long enough one 77", "new_password2": "a long enough one 77"}
    eva.post(address, chosen)
    again = Client().get(found[1], follow=True)
    assert "no longer works" in again.content.decode()


def test_a_weak_password_is_refused_in_words(client: Client, ana: User) -> None:
    page = sign_in(client, ana).post("/people/invite/", NEW).content.decode()
    found = re.search(r'value="http://testserver(/invitation/[^"]+)"', page)
    assert found is not None
    eva = Client()
    address = eva.get(found[1], follow=True).redirect_chain[-1][0]
    answer = eva.post(address, {"new_password1": "1234", "new_password2": "1234"})
    assert "too short" in answer.content.decode()
    assert not User.objects.get(username="eva").has_usable_password()


def test_a_name_that_is_taken_invites_nobody(client: Client, ana: User, ben: User) -> None:
    answer = sign_in(client, ana).post("/people/invite/", NEW | {"username": "ben"})
    assert answer.status_code == 422
    assert "Somebody with this user name is here already" in answer.content.decode()
    assert not Event.objects.exists()


def test_only_a_release_manager_invites(client: Client, ben: User, cleo: User) -> None:
    for person in (ben, cleo):
        assert sign_in(client, person).get("/people/invite/").status_code == 403
        assert client.post("/people/invite/", NEW).status_code == 403
    assert not User.objects.filter(username="eva").exists()
