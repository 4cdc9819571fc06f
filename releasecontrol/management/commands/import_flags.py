"""``manage.py import_flags FILE --environment E --reason R``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.changing import transfer
from flags.changing.lookup import find_environment
from flags.unleash.importing import carry_over, is_unleash
from releases.refusals import Refused
from releases.timeline import Actor


class Command(BaseCommand):
    help = "Take flags from a file of export_flags, or of Unleash, into an environment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--environment", required=True, help="such as staging")
        parser.add_argument("--reason", required=True, help="why; it goes on the timeline")
        parser.add_argument("--dry-run", action="store_true", help="show what would change")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            environment = find_environment(options["environment"])
            content = self._ours(_read(options["file"]))
            moves = transfer.preview_import(environment, content)
            if not options["dry_run"]:
                transfer.import_file(
                    environment=environment,
                    content=content,
                    hashes={move.key: move.content for move in moves},
                    reason=options["reason"],
                    actor=Actor.command("import_flags"),
                )
        except Refused as refused:
            raise CommandError(refused.message, returncode=2) from None
        for move in moves:
            self.stdout.write(f"{move.key}: {' '.join(move.lines) or 'stays as it is.'}")
        done = "Nothing was changed: --dry-run." if options["dry_run"] else "Imported."
        self.stdout.write(f"{len(moves)} flags on {environment}. {done}")

    def _ours(self, content: Any) -> Any:
        """A file of Unleash becomes one of ours; what is not carried over is said."""
        if not is_unleash(content):
            return content
        carried = carry_over(content)
        for note in carried.notes:
            self.stdout.write(f"Not as in Unleash: {note}")
        return carried.file


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as missing:
        raise transfer.NotAnExport(f"{path}: {missing.strerror}.") from None
    except (ValueError, RecursionError) as broken:
        raise transfer.NotAnExport(f"{path}: {broken}.") from None
