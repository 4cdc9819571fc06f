"""Approval by other people: one for everything that needs it, bound to exactly one content.

A subject is anything with a row; its room hashes what is approved. Whoever wrote it never counts,
nobody counts twice, an edit makes another content, and a person whose right was taken away counts
no more: `standing` asks again each time.

Refused
├── OwnWork
├── ApprovedAlready
├── NotApproved
└── NobodyCouldApprove
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from checklists.models import Approval
from releases.redaction import redact
from releases.refusals import NotPermitted, Refused
from releases.timeline import Actor, subject_of


class OwnWork(Refused):
    """Whoever asked for it can't approve it; another person has to."""


class ApprovedAlready(Refused):
    """You have approved exactly this already; it counts once."""


class NotApproved(Refused):
    """You have not approved this, so there is nothing to withdraw."""


class NobodyCouldApprove(Refused):
    """Not enough people could approve this, so it would wait for ever; nothing was queued."""


@transaction.atomic
def approve(
    subject: models.Model,
    content_hash: str,
    author_id: int | None,
    actor: Actor,
    note: str = "",
    *,
    permission: str,
) -> Approval:
    """Write one person's yes to exactly this content. The caller writes the event.

    Raises OwnWork, ApprovedAlready, NotPermitted.
    """
    person = _person(actor, permission)
    if person.pk == author_id:
        raise OwnWork
    try:
        with transaction.atomic():
            return Approval.objects.create(
                subject=subject_of(subject),
                content_hash=content_hash,
                person=person,
                note=redact(note)[:500],
            )
    except IntegrityError as clash:
        if "approval_once" not in str(clash):
            raise
        raise ApprovedAlready from None


@transaction.atomic
def withdraw(subject: models.Model, actor: Actor, *, permission: str) -> int:
    """Take one's yes back, to whatever content; answers how many. Raises NotApproved."""
    mine = Approval.objects.filter(
        subject=subject_of(subject), person=_person(actor, permission), withdrawn_at=None
    )
    withdrawn = mine.update(withdrawn_at=Now())
    if not withdrawn:
        raise NotApproved
    return withdrawn


def standing(
    subject: models.Model, content_hash: str, author_id: int | None, *, permission: str
) -> list[Approval]:
    """The approvals that count now: of this content, by people who still may, never the author."""
    given = Approval.objects.filter(
        subject=subject_of(subject), content_hash=content_hash, withdrawn_at=None
    ).select_related("person")
    return [one for one in given if one.person_id != author_id and one.person.has_perm(permission)]


def met(
    subject: models.Model,
    content_hash: str,
    quorum: int,
    author_id: int | None,
    *,
    permission: str,
) -> bool:
    """Have as many people approved as are needed?"""
    return len(standing(subject, content_hash, author_id, permission=permission)) >= quorum


def who_could(author_id: int | None, *, permission: str) -> list[User]:
    """The active people who may approve what this author asked for."""
    people = get_user_model().objects.filter(is_active=True).order_by("pk")
    return [one for one in people if one.pk != author_id and one.has_perm(permission)]


def require_possible(quorum: int, author_id: int | None, *, permission: str) -> None:
    """Say beforehand that a quorum can't be reached. Raises NobodyCouldApprove."""
    able = who_could(author_id, permission=permission)
    if len(able) < quorum:
        names = ", ".join(person.get_username() for person in able) or "nobody"
        raise NobodyCouldApprove(
            f"It needs {quorum} other people with the permission {permission}; there is {names}."
        )


def _person(actor: Actor, permission: str) -> User:
    """Only a person approves: no machine, no command. Raises NotPermitted."""
    actor.require(permission)
    if actor.user is None:
        raise NotPermitted("Only a person who is signed in can approve.")
    return actor.user
