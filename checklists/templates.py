"""A checklist without a plan: the phases that most cutovers share, as plain data."""

from __future__ import annotations

from django.db import transaction

from checklists import gates
from checklists.models import Checklist, ChecklistItem
from checklists.states import GateName
from releases.models import Release

#: template -> (phase, gate, numbered?, items)
TEMPLATES: dict[str, tuple[tuple[str, GateName, bool, tuple[str, ...]], ...]] = {
    "cutover": (
        (
            "Before the cutover",
            GateName.START,
            False,
            (
                "Scripts ran on staging",
                "Backup taken and restorable",
                "Rollback rehearsed",
                "On-call engineer named",
            ),
        ),
        (
            "Cutover",
            GateName.ROLL_OUT,
            True,
            (
                "Run the schema migrations",
                "Run the data migration",
                "Deploy the application",
                "Run the smoke tests",
            ),
        ),
        (
            "Afterwards",
            GateName.COMPLETE,
            False,
            ("Error rate is normal", "Users were told", "Flag removal is planned"),
        ),
    ),
    "blank": (),
}


@transaction.atomic
def apply(*, release: Release, template: str) -> None:
    """Give an empty release the phases and items of a template, and its gates."""
    for place, (title, gate, numbered, texts) in enumerate(TEMPLATES[template]):
        checklist = Checklist.objects.create(
            release=release, key=f"template-{place}", title=title, position=place, gate=gate
        )
        ChecklistItem.objects.bulk_create(
            ChecklistItem(
                checklist=checklist,
                key=f"template-{place}-{index}",
                position=index,
                number=index + 1 if numbered else None,
                text=text,
            )
            for index, text in enumerate(texts)
        )
    gates.ensure(release)
