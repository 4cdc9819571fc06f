"""``manage.py import_plan FILE [--slug S] [--scripts DIR] [--dry-run] [--json]``"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from releasecontrol.plan import scripts as script_files
from releasecontrol.plan.apply import Applied, apply, default_slug
from releasecontrol.plan.encoding import MAX_BYTES, PlanRefused, PlanTooLarge
from releasecontrol.plan.facts import Plan
from releasecontrol.plan.parse import parse_plan
from releasecontrol.plan.preview import Preview, as_json, preview
from releases.refusals import Refused
from releases.timeline import Actor


class FileUnreadable(PlanRefused):
    """There is no such file, or it can't be read; nothing was stored."""


class Command(BaseCommand):
    help = "Import a plan (Markdown) as a release, or bring a release up to an edited plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the plan, a Markdown file")
        parser.add_argument("--slug", help="the release; by default from the plan's title")
        parser.add_argument("--scripts", type=Path, metavar="DIR", help="where the SQL files are")
        parser.add_argument("--dry-run", action="store_true", help="show, but store nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            report = _import(options)
        except Refused as refused:
            raise CommandError(" ".join(refused.message.split())) from None
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(_sentences(report)))


def _import(options: Mapping[str, Any]) -> dict[str, Any]:
    source = _read(options["file"])
    files = script_files.from_directory(options["scripts"]) if options["scripts"] else {}
    plan = parse_plan(source)
    slug = options["slug"] or default_slug(plan, options["file"].name)
    seen = preview(plan, slug=slug, source_bytes=source, scripts=files)
    done = None if options["dry_run"] else _apply(plan, seen, options["file"].name, source, files)
    return _report(seen, done)


def _apply(
    plan: Plan, seen: Preview, filename: str, source: bytes, files: Mapping[str, str]
) -> Applied:
    return apply(
        plan,
        slug=seen.slug,
        title="",
        actor=Actor.command("import_plan"),
        filename=filename,
        source_bytes=source,
        scripts=files,
    )


def _report(seen: Preview, done: Applied | None) -> dict[str, Any]:
    report = as_json(seen) | {
        "dry_run": done is None,
        "attached": done.attached.names if done else [],
    }
    if done is not None:
        report["unchanged"] = done.unchanged
        report["awaiting_files"] = script_files.awaiting(done.release)
    return report


def _read(path: Path) -> bytes:
    """The file's bytes; a size beyond the limit is refused without reading them."""
    try:
        if not path.is_file():
            raise FileUnreadable(f"Looked for {path}.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PlanTooLarge(f"It has {size:,} bytes.")
        return path.read_bytes()
    except (OSError, ValueError):
        raise FileUnreadable(f"Looked for {path}.") from None


def _sentences(report: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report["counts"].items())
    lines = [f"{_outcome(report)} {report['title']} ({report['release']}).", f"Found: {counts}."]
    for table, news in report["difference"].items():
        numbers = ", ".join(f"{len(rows)} {what}" for what, rows in news.items() if rows)
        lines.append(f"  {table.replace('_', ' ')}: {numbers}")
    if report["awaiting_files"]:
        lines.append(f"Awaiting files: {', '.join(report['awaiting_files'])}.")
    if report["unmatched_files"]:
        lines.append(f"Files that no script waits for: {', '.join(report['unmatched_files'])}.")
    lines += [f"Note: {finding['message']}" for finding in report["findings"]]
    lines += [
        f"Line {one['line']} not understood: {one['text']}" for one in report["not_understood"]
    ]
    return lines


def _outcome(report: Mapping[str, Any]) -> str:
    if report["dry_run"]:
        return "Nothing was stored; this would import"
    return "Nothing has changed in" if report["unchanged"] else "Imported"
