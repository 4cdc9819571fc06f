"""``manage.py attach_script RELEASE FILE [--name NAME]``

Makes a file the text of one of a release's scripts, however large its COPY data is: the data is
read once and kept apart, a megabyte at a time. A refusal is one line and exit code 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from migrations_runner import data_blocks
from releases.models import Release
from releases.refusals import Refused
from releases.timeline import Actor

_UNUSABLE = 2


class Command(BaseCommand):
    help = "Attach a file to a release as a script, with COPY data of any size."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", help="the release's slug")
        parser.add_argument("file", type=Path)
        parser.add_argument("--name", help="the script's name; else that of the file")

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            release = Release.objects.get(slug=options["release"])
            with path.open("rb") as file:
                done = data_blocks.attach(
                    release=release,
                    name=options["name"] or path.name,
                    file=file,
                    actor=Actor.command("attach_script"),
                )
        except Release.DoesNotExist:
            raise _unusable(f"There is no release {options['release']!r}.") from None
        except OSError as error:
            raise _unusable(f"{path}: {error.strerror or error}.") from None
        except ValidationError as error:
            raise _unusable(" ".join(error.messages)) from None
        except Refused as refused:
            raise _unusable(refused.message) from None
        self.stdout.write(
            f"{done.script.name}: {done.size} bytes, sha256 {done.sha256},"
            f" {done.blocks} blocks of data kept apart."
        )


def _unusable(told: str) -> CommandError:
    return CommandError(f"{told} Nothing was attached.", returncode=_UNUSABLE)
