"""What people choose on the form that queues a run."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from migrations_runner import runs
from migrations_runner.models import MigrationScript
from releasecontrol.runs.choosing import Choice, choices, ready_and_new
from releasecontrol.runs.preview import Preview, preview
from releases.models import Release, TargetDatabase
from releases.refusals import Refused

VALUE = "var-"
_LONGEST_KEY = 18  # digits of a bigint


class ProductionNotConfirmed(Refused):
    """This is production: type the name of the target to confirm; nothing was queued."""


class NoTargetChosen(Refused):
    """Choose the target database; nothing was queued."""


class ScriptGone(Refused):
    """A script that was chosen is not here any more; nothing was queued."""


@dataclass(frozen=True)
class Given:
    """A form as it was sent, or the beginning of one."""

    release: Release
    targets: list[TargetDatabase]
    target: TargetDatabase | None
    choices: list[Choice]
    values: dict[str, str]
    confirmation: str
    lost: bool

    @property
    def chosen(self) -> list[Choice]:
        """In the order of the plan, which is the order of running."""
        return [choice for choice in self.choices if choice.chosen and choice.ready]

    @property
    def suggested(self) -> list[int]:
        return ready_and_new(self.choices, self.target)

    def scripts(self) -> list[MigrationScript]:
        """The chosen scripts with their texts. Raises ScriptGone."""
        if self.lost:
            raise ScriptGone
        keys = [choice.script.pk for choice in self.chosen]
        rows = MigrationScript.objects.select_related("release")
        found = rows.prefetch_related("suppressions").in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def preview(self, author_id: int | None) -> Preview | None:
        """What the run would do; None before a target and a script are chosen."""
        if self.target is None or not self.chosen:
            return None
        found = {script.pk: script for script in self.scripts()}
        chosen = [
            (choice, found[choice.script.pk]) for choice in self.chosen if choice.script.pk in found
        ]
        includes = runs.includes_of(self.release)
        return preview(chosen, self.target, self.values, includes, author_id)

    def confirmed_target(self) -> TargetDatabase:
        """Raises NoTargetChosen, ProductionNotConfirmed."""
        if self.target is None:
            raise NoTargetChosen
        production = self.target.environment.is_production
        if production and self.confirmation.strip() != self.target.name:
            raise ProductionNotConfirmed(f"It is called {self.target.name}.")
        return self.target


def read(release: Release, data: QueryDict) -> Given:
    """A form from what the browser sent. Values that were left empty are no values."""
    keys = {int(text) for text in data.getlist("script") if _is_key(text)}
    targets = list(TargetDatabase.objects.select_related("environment"))
    listed = choices(release, keys)
    return Given(
        release=release,
        targets=targets,
        target=next((one for one in targets if one.name == data.get("target")), None),
        choices=listed,
        values={
            name.removeprefix(VALUE): str(value)
            for name, value in data.items()
            if name.startswith(VALUE) and value
        },
        confirmation=data.get("confirm", ""),
        lost=not keys <= {choice.script.pk for choice in listed},
    )


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_KEY
