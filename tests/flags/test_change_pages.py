"""The screens of changes that wait: what people see and press, and what it does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flags.changing import rollout
from flags.models import Flag, FlagState, ProposedChange, ScheduledChange, UserSample
from releases.models import Environment, TargetDatabase
from tests.flags.conftest import OPERATOR


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def approvers(ana: User, ben: User) -> None:
    for person in (ana, ben):
        person.user_permissions.add(Permission.objects.get(codename="approve_change"))


def dial_of(flag: Flag, environment: Environment) -> FlagState:
    return FlagState.objects.get(flag=flag, environment=environment)


def page(name: str, key: int) -> str:
    return reverse(f"admin:flags_{name}", args=[key])


def test_a_change_is_planned_and_cancelled(universe: Flag, staging: Environment, ana: User) -> None:
    client, state = signed_in(ana), dial_of(universe, staging)
    due = timezone.localtime(timezone.now() + timedelta(days=1))
    given = {"what": "turn_dial", "to": "25", "due_at": f"{due:%Y-%m-%dT%H:%M}", "reason": "wk 2"}
    answer = client.post(page("flagstate_schedule", state.pk), given, follow=True)
    assert "Turn the dial to 25 %" in answer.text
    planned = ScheduledChange.objects.get()
    assert planned.change == {"verb": "turn_dial", "to": 25_000}
    assert "it will not happen" in client.get(page("scheduledchange_change", planned.pk)).text
    answer = client.post(page("scheduledchange_cancel", planned.pk), follow=True)
    assert "Cancelled: it will not happen." in answer.text
    assert "Nothing waits" in client.get(page("flagstate_change", state.pk)).text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"what": "turn_dial", "to": "250"}, "between 0 and 100"),
        ({"what": "turn_dial", "to": ""}, "plain number"),
        ({"what": "kill", "due_at": "2020-01-01T10:00"}, "over"),
        ({"what": "kill", "due_at": "soon"}, "valid date"),
        ({"what": "explode"}, "valid choice"),
        ({"what": "kill", "reason": ""}, "required"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_the_form(
    universe: Flag, staging: Environment, ana: User, given: dict[str, str], said: str
) -> None:
    whole = {"what": "kill", "to": "", "due_at": "2099-01-01T10:00", "reason": "x", **given}
    where = page("flagstate_schedule", dial_of(universe, staging).pk)
    answer = signed_in(ana).post(where, whole)
    assert answer.status_code == 200
    assert said in answer.text
    assert not ScheduledChange.objects.exists()


def test_a_copy_shows_what_would_change_before_it_does(
    universe: Flag, staging: Environment, production: Environment, ana: User
) -> None:
    ana.user_permissions.add(Permission.objects.get(codename="target_users"))
    rollout.turn_dial(flag=universe, environment=staging, to=25_000, reason="go", actor=OPERATOR)
    client, state = signed_in(ana), dial_of(universe, production)
    where = page("flagstate_copy", state.pk)
    given = {"source": staging.pk, "reason": "tried on staging"}
    shown = client.post(where, {**given, "_preview": "1"})
    assert "Dial: 0 % → 25 %." in shown.text
    assert dial_of(universe, production).dial == 0
    found = re.search(r'name="content" value="(\w{64})"', shown.text)
    assert found is not None
    client.post(where, {**given, "content": found[1], "_act": "1"})
    assert dial_of(universe, production).dial == 25_000
    stale = client.post(where, {**given, "content": found[1], "_act": "1"})
    assert "proposal is void" in stale.text or "not what it was" in stale.text


def test_a_proposal_goes_from_the_dial_over_a_colleague_to_the_users(
    universe: Flag, production: Environment, ana: User, ben: User, approvers: None
) -> None:
    production.flag_approvals_needed = 1
    production.save()
    state = dial_of(universe, production)
    mine, theirs = signed_in(ana), signed_in(ben)
    answer = mine.post(page("flagstate_turn", state.pk), {"to": "10", "reason": "week 1"})
    assert "waits for approval" in answer.text
    proposal = ProposedChange.objects.get()
    where, act = page("proposedchange_change", proposal.pk), page("proposedchange_act", proposal.pk)
    seen = mine.get(where).text
    assert "Dial: 0 % → 10 %." in seen
    assert 'name="_approve"' not in seen  # the author may not
    assert "another person has to" in mine.post(act, {"_approve": "1"}, follow=True).text
    assert "Not approved yet" in mine.get(where).text
    assert 'name="_approve"' in theirs.get(where).text
    theirs.post(act, {"_approve": "1", "note": "looked at it"})
    seen = mine.get(where).text
    assert "looked at it" in seen
    assert 'name="_carry_out"' in seen
    mine.post(act, {"_carry_out": "1"})
    assert dial_of(universe, production).dial == 10_000
    assert 'name="_carry_out"' not in mine.get(where).text


def test_a_sample_is_added_and_counted_on_a_proposal(
    universe: Flag, production: Environment, ana: User, approvers: None
) -> None:
    production.flag_approvals_needed = 1
    production.save()
    client = signed_in(ana)
    given = {"name": "testers", "file": SimpleUploadedFile("keys.txt", b"user-1\nuser-2\n")}
    client.post(reverse("admin:flags_usersample_add"), given)
    assert UserSample.objects.get().users == 2
    listed = client.get(reverse("admin:flags_usersample_changelist")).text
    assert "an upload" in listed
    client.post(
        page("flagstate_turn", dial_of(universe, production).pk), {"to": "100", "reason": "all"}
    )
    where = page("proposedchange_change", ProposedChange.objects.get().pk)
    assert "<strong>2</strong> would enter" in client.get(where, {"sample": "testers"}).text
    assert "no sample of that name" in client.get(where, {"sample": "others"}).text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "in one way"),
        ({"text": "a", "file": SimpleUploadedFile("a", b"b")}, "in one way"),
        ({"file": SimpleUploadedFile("a", b"\xff\xfe")}, "not UTF-8"),
        ({"text": "name,country\na,b"}, "targetingKey"),
    ],
)
def test_what_is_no_sample_is_refused_in_the_form(
    ana: User, given: dict[str, str], said: str
) -> None:
    answer = signed_in(ana).post(reverse("admin:flags_usersample_add"), {"name": "x", **given})
    assert said in answer.text
    assert not UserSample.objects.exists()


def test_a_target_is_asked_by_a_worker(staging: Environment, ana: User) -> None:
    TargetDatabase.objects.create(name="staging-db", environment=staging, url_variable="X_URL")
    given = {"name": "x", "target": "staging-db", "query": "SELECT 1"}
    signed_in(ana).post(reverse("admin:flags_usersample_add"), given)
    listed = signed_in(ana).get(reverse("admin:flags_usersample_changelist")).text
    assert "A worker is asking" in listed


def test_who_may_not_turn_a_dial_may_not_plan_copy_or_sample(
    universe: Flag, staging: Environment, vic: User
) -> None:
    client, state = signed_in(vic), dial_of(universe, staging)
    for where in (page("flagstate_schedule", state.pk), page("flagstate_copy", state.pk)):
        assert client.get(where).status_code == 403
    assert client.get(reverse("admin:flags_usersample_add")).status_code == 403


def test_the_dial_goes_in_whole_percents_with_tenths_behind_finer(
    universe: Flag, staging: Environment, ana: User
) -> None:
    client, state = signed_in(ana), dial_of(universe, staging)
    where = page("flagstate_turn", state.pk)
    client.post(where, {"to": "12", "finer": "5", "reason": "x"})
    assert dial_of(universe, staging).dial == 12_500
    shown = client.get(where).text
    assert 'value="12"' in shown
    assert '<option value="5" selected>0.5 %</option>' in shown
    refused = client.post(where, {"to": "100", "finer": "1", "reason": "x"})
    assert "below 100" in refused.text
    assert dial_of(universe, staging).dial == 12_500
    rollout.turn_dial(flag=universe, environment=staging, to=12_345, reason="x", actor=OPERATOR)
    assert 'value="12.345"' in client.get(where).text


def test_a_turn_is_tried_on_a_sample_before_it_is_done(
    universe: Flag, staging: Environment, ana: User
) -> None:
    client, state = signed_in(ana), dial_of(universe, staging)
    client.post(reverse("admin:flags_usersample_add"), {"name": "some", "text": "a\nb"})
    given = {"to": "100", "reason": "x", "sample": "some", "_preview": "1"}
    shown = client.post(page("flagstate_turn", state.pk), given).text
    assert "<strong>2</strong> would enter" in shown
    assert dial_of(universe, staging).dial == 0
