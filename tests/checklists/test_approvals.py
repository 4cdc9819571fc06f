"""Approval: by others, of exactly one content, as long as they may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from checklists import approvals
from checklists.models import Approval
from releases.models import Release
from releases.refusals import NotPermitted
from releases.timeline import Actor

MAY = "migrations_runner.approve_run"
pytestmark = pytest.mark.django_db
TEXT, EDITED = "a" * 64, "b" * 64


def approve(subject: Release, person: User, author: User, content: str = TEXT) -> Approval:
    return approvals.approve(subject, content, author.pk, Actor.person(person), permission=MAY)


def test_the_author_is_never_the_approver(release: Release, ana: User) -> None:
    with pytest.raises(approvals.OwnWork):
        approve(release, ana, ana)


def test_one_person_counts_once(release: Release, ana: User, ben: User) -> None:
    approve(release, ben, ana)
    with pytest.raises(approvals.ApprovedAlready):
        approve(release, ben, ana)
    assert not approvals.met(release, TEXT, 2, ana.pk, permission=MAY)
    assert approvals.met(release, TEXT, 1, ana.pk, permission=MAY)


def test_an_edit_leaves_the_approval_behind(release: Release, ana: User, ben: User) -> None:
    approve(release, ben, ana)
    assert not approvals.met(release, EDITED, 1, ana.pk, permission=MAY)
    approve(release, ben, ana, EDITED)
    assert approvals.met(release, EDITED, 1, ana.pk, permission=MAY)


def test_what_was_withdrawn_counts_no_more_and_may_be_given_again(
    release: Release, ana: User, ben: User
) -> None:
    approve(release, ben, ana)
    assert approvals.withdraw(release, Actor.person(ben), permission=MAY) == 1
    assert not approvals.met(release, TEXT, 1, ana.pk, permission=MAY)
    with pytest.raises(approvals.NotApproved):
        approvals.withdraw(release, Actor.person(ben), permission=MAY)
    approve(release, ben, ana)
    assert approvals.met(release, TEXT, 1, ana.pk, permission=MAY)


def test_who_lost_the_right_or_left_counts_no_more(
    release: Release, ana: User, ben: User, vic: User
) -> None:
    approve(release, ben, ana)
    ben.groups.clear()
    assert approvals.standing(release, TEXT, ana.pk, permission=MAY) == []
    app, codename = MAY.split(".")
    ben.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    assert approvals.met(release, TEXT, 1, ana.pk, permission=MAY)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert not approvals.met(release, TEXT, 1, ana.pk, permission=MAY)


def test_only_a_person_with_the_right_approves(release: Release, ana: User, vic: User) -> None:
    with pytest.raises(NotPermitted):
        approve(release, vic, ana)
    with pytest.raises(NotPermitted):
        approvals.approve(release, TEXT, ana.pk, Actor.command("shell"), permission=MAY)


def test_a_quorum_that_nobody_could_reach_is_named_beforehand(ana: User, vic: User) -> None:
    with pytest.raises(approvals.NobodyCouldApprove, match=r"needs 1 other .* there is nobody"):
        approvals.require_possible(1, ana.pk, permission=MAY)
    approvals.require_possible(0, ana.pk, permission=MAY)


def test_a_second_person_makes_it_possible(ana: User, ben: User) -> None:
    approvals.require_possible(1, ana.pk, permission=MAY)
    with pytest.raises(approvals.NobodyCouldApprove, match="there is ben"):
        approvals.require_possible(2, ana.pk, permission=MAY)
