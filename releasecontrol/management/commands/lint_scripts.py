"""``manage.py lint_scripts FILE… [--release R] [--target T] [--json] [--fix]``

Reads SQL files, folders of them, or a release's scripts as the runner would, and tells what would
hurt; with a target, by its tables as a worker last saw them. A problem of level ``error`` keeps a
script from running and makes the exit code 1; warnings, advice and a variable that will need a
value (``variable-unset``) do not. A file that is not there, a folder without SQL, or an unknown
target, is one line and exit code 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from migrations_runner import linted
from migrations_runner.linting import Finding, lint
from migrations_runner.linting.catalog import Catalog
from migrations_runner.parsing import check
from migrations_runner.variables import VariableUse, required
from releasecontrol.runs import finding
from releases.refusals import Refused

_PROBLEMS, _UNUSABLE = 1, 2
Report = dict[str, Any]


class Command(BaseCommand):
    help = "Check SQL scripts before they are run: what can't run, and what would hurt."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="*", type=Path, help="SQL files or folders of them")
        parser.add_argument("--release", help="lint this release's scripts as well")
        parser.add_argument("--target", help="the database they are meant for")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument("--fix", action="store_true", help="print corrected SQL as well")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            files = _reports(options)
        except Refused as refused:
            raise CommandError(" ".join(refused.message.split()), returncode=_UNUSABLE) from None
        if not files:
            raise CommandError("Name a file, a folder or a release.", returncode=_UNUSABLE)
        if options["json"]:
            self.stdout.write(json.dumps({"files": files}, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(files, fix=options["fix"])))
        bad = [file["file"] for file in files if not file["ok"]]
        if bad:
            raise CommandError(f"{len(bad)} of {len(files)} can't run.", returncode=_PROBLEMS)


def _reports(options: dict[str, Any]) -> list[Report]:
    """One report a script. Raises the refusals of finding a release, a target or a file."""
    target = finding.target(options["target"]) if options["target"] else None
    catalog = linted.catalog_of(target)
    files = [_lint(path, catalog) for given in options["file"] for path in _files(given)]
    if options["release"]:
        for script in finding.release(options["release"]).scripts.exclude(text=""):
            shown = linted.findings_of(script, target)
            files.append(_read(Path(script.name), script.text, [_found(each) for each in shown]))
    return files


def _files(given: Path) -> list[Path]:
    """A folder means the SQL files in it; an empty one is told as a file that is not there."""
    inside = sorted(given.rglob("*.sql")) if given.is_dir() else []
    return inside or [given]


def _lint(path: Path, catalog: Catalog | None) -> Report:
    try:
        text = finding.read_file(path)
    except finding.FileNotReadable as refused:
        return _report(path, (), [_problem("unreadable", 1, 1, refused.detail)])
    return _read(
        path, text, [_found(linted.as_written(each)) for each in lint(text, catalog=catalog)]
    )


def _read(path: Path, text: str, found: list[Report]) -> Report:
    """What can't run is told by the parser, all of it; the rest by lint."""
    checked = check(text)
    needed = required(text)
    if checked.problems:
        found = [_problem(p.id, p.line, p.column, p.message) for p in checked.problems]
    return _report(path, needed, [*found, *_unset(needed, checked.variables)])


def _found(shown: linted.Shown) -> Report:
    """A finding that stands allowed, or that this script may have, is no error of the file."""
    each: Finding = shown.finding
    level = "warning" if each.level == "error" and not shown.blocks else each.level
    told = _problem(each.rule, each.line, each.column, each.message, level=level)
    more = {"why": each.why, "safe_form": each.safe_form, "rewrite": each.rewrite}
    return {**told, **more, "allowed": shown.allowed}


def _unset(needed: Iterable[str], uses: Iterable[VariableUse]) -> list[Report]:
    """Where each variable that needs a value is used first."""
    first: dict[str, VariableUse] = {}
    for use in uses:
        if use.form != "test":
            first.setdefault(use.name, use)
    return [
        _problem(
            "variable-unset",
            first[name].line,
            first[name].column,
            f"{name} needs a value when it is run.",
            level="warning",
        )
        for name in needed
    ]


def _problem(id_: str, line: int, column: int, message: str, *, level: str = "error") -> Report:
    return {"id": id_, "level": level, "line": line, "column": column, "message": message}


def _report(path: Path, variables: Iterable[str], problems: list[Report]) -> Report:
    return {
        "file": str(path),
        "ok": not any(problem["level"] == "error" for problem in problems),
        "variables": list(variables),
        "problems": problems,
    }


def _lines(files: Iterable[Report], *, fix: bool) -> Iterable[str]:
    for file in files:
        yield f"{file['file']}: {'ok' if file['ok'] else 'can not run'}"
        for problem in file["problems"]:
            place = f"{file['file']}:{problem['line']}:{problem['column']}"
            allowed = f" (allowed: {problem['allowed']})" if problem.get("allowed") else ""
            yield f"{place} {problem['level']} {problem['id']}: {problem['message']}{allowed}"
            if fix and problem.get("rewrite"):
                yield from (f"    {line}" for line in problem["rewrite"].split("\n"))
