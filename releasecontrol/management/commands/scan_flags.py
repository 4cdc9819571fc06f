"""``manage.py scan_flags PATH``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags.lifecycle.code_places import Standing, record, standings
from flags.lifecycle.scanning import Found, Place, scan
from flags.models import Flag
from releases.refusals import Refused

_SHOWN = 5


class Command(BaseCommand):
    help = "Say where code names flags, which flags it no longer names, and which it asks in vain."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a folder with source code, or one file")
        parser.add_argument("--json", action="store_true", help="machine-readable")
        parser.add_argument(
            "--check",
            action="store_true",
            help="exit with 1 if code asks for flags that do not exist or are archived",
        )
        parser.add_argument(
            "--no-record", action="store_true", help="do not keep the result with the flags"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        flags = list(Flag.objects.all())
        try:
            found = scan(options["path"], [flag.key for flag in flags])
        except Refused as refused:
            raise CommandError(refused.message, returncode=2) from None
        if not options["no_record"]:
            record(found, flags, str(options["path"]))
        told = standings(found, flags)
        self.stdout.write(_as_json(found, told) if options["json"] else _as_text(found, told))
        if options["check"] and (found.unknown or any(one.asked_in_vain for one in told)):
            raise CommandError("Code asks for flags that do not exist or are archived.")


def _as_json(found: Found, told: list[Standing]) -> str:
    return json.dumps(
        {
            "files": found.files,
            "unread": found.unread,
            "flags": {
                one.key: {"state": one.words, "count": one.count, "places": _shown(one.places)}
                for one in told
            },
            "unknown": {name: _shown(places) for name, places in found.unknown.items()},
        },
        indent=2,
    )


def _as_text(found: Found, told: list[Standing]) -> str:
    lines = [f"{found.files} files read."]
    if found.unread:
        lines.append(f"Cannot tell what {len(found.unread)} files name: {found.unread[0]} …")
    for one in told:
        lines.append(f"{one.key}: {one.words}")
        lines += [f"  {place}" for place in _shown(one.places[:_SHOWN])]
        if one.count > _SHOWN:
            lines.append(f"  … and {one.count - _SHOWN} more lines")
    for name, places in sorted(found.unknown.items()):
        lines.append(f"{name}: asked for, but no flag of this name exists")
        lines += [f"  {place}" for place in _shown(places[:_SHOWN])]
    return "\n".join(lines)


def _shown(places: list[Place]) -> list[str]:
    return [f"{place.path}:{place.line}" for place in places]
