"""create_token, create_release, invite_person."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from checklists.models import ChecklistItem
from releases import tokens
from releases.models import ApiToken, Event, Release

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().rstrip("\n")


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == 1
    return str(refused.value)


def test_the_token_is_the_last_line_and_only_its_digest_is_stored() -> None:
    plain = run("create_token", "--environment", "staging", "--scope", "evaluate").splitlines()[-1]
    token = tokens.verify(plain, scope="evaluate")
    assert token is not None
    assert token.environment.slug == "staging"
    assert plain not in str(ApiToken.objects.values())


def test_a_token_that_manages_acts_as_a_person(ana: User) -> None:
    said = run(
        "create_token", "--environment=production", "--scope=manage", "--user=ana", "--name=CI"
    )
    token = tokens.verify(said.splitlines()[-1], scope="manage")
    assert token is not None
    assert (token.user, token.name) == (ana, "CI")


def test_a_token_ends_when_it_was_said_to() -> None:
    run("create_token", "--environment=staging", "--scope=evaluate", "--expires-days=7")
    expires = ApiToken.objects.get().expires_at
    assert expires is not None
    assert timedelta(days=6) < expires - timezone.now() <= timedelta(days=7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--environment=moon", "--scope=evaluate"], "environment"),
        (["--environment=staging", "--scope=manage"], "--user"),
        (["--environment=staging", "--scope=manage", "--user=nobody"], "nobody"),
        (["--environment=staging", "--scope=evaluate", "--expires-days=0"], "days"),
        (["--environment=staging", "--scope=evaluate", "--expires-days=99999999"], "days"),
        (["--environment=staging", "--scope=evaluate", f"--name={'x' * 101}"], "100"),
        (["--environment=staging", "--scope=guess"], "invalid choice"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(options: list[str], words: str) -> None:
    assert words in refusal("create_token", *options)
    assert not ApiToken.objects.exists()


def test_a_release_comes_from_a_template() -> None:
    assert "draft" in run("create_release", "spring", "--title=Spring", "--template=cutover")
    release = Release.objects.get(slug="spring")
    assert ChecklistItem.objects.filter(checklist__release=release, number__isnull=False).exists()
    assert Event.objects.get(verb="release.create").release == release


def test_a_release_is_made_once_and_only_under_a_proper_slug() -> None:
    run("create_release", "spring", "--title=Spring")
    assert "exists" in refusal("create_release", "spring", "--title=Again")
    assert "slug" in refusal("create_release", "No Slug", "--title=Bad")
    assert Release.objects.get().title == "Spring"


def test_an_invitation_prints_its_link_last() -> None:
    said = run(
        "invite_person", "eve", "--role=engineer", "--name=Eve Ito", "--email=eve@example.org"
    )
    assert said.splitlines()[-1].startswith("http")
    assert "/invitation/" in said.splitlines()[-1]
    eve = User.objects.get(username="eve")
    assert (eve.get_full_name(), eve.email, eve.has_usable_password()) == (
        "Eve Ito",
        "eve@example.org",
        False,
    )


def test_nobody_is_invited_twice_or_under_an_impossible_name(ana: User) -> None:
    assert "ana" in refusal("invite_person", "ana", "--role=viewer")
    assert refusal("invite_person", "a b/c", "--role=viewer")
    assert "invalid choice" in refusal("invite_person", "eve", "--role=king")
    assert User.objects.count() == 1
