"""``manage.py lint_scripts FILE… [--target T] [--json]``

Reads SQL files as the runner would. A problem of level ``error`` keeps a script from running and
makes the exit code 1; a variable that will need a value is a ``warning`` (``variable-unset``) and
does not. A file that is not there, or an unknown target, is one line and exit code 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from migrations_runner.parsing import check
from migrations_runner.variables import VariableUse, required
from releasecontrol.runs import finding
from releases.refusals import Refused

_PROBLEMS, _UNUSABLE = 1, 2
Report = dict[str, Any]


class Command(BaseCommand):
    help = "Check SQL scripts before they are run: syntax, psql's own commands, variables."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="+", type=Path)
        parser.add_argument("--target", help="the database they are meant for")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["target"]:
                finding.target(options["target"])
            files = [_lint(path) for path in options["file"]]
        except Refused as refused:
            raise CommandError(" ".join(refused.message.split()), returncode=_UNUSABLE) from None
        if options["json"]:
            self.stdout.write(json.dumps({"files": files}, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(files)))
        bad = [file["file"] for file in files if not file["ok"]]
        if bad:
            raise CommandError(f"{len(bad)} of {len(files)} can't run.", returncode=_PROBLEMS)


def _lint(path: Path) -> Report:
    try:
        text = finding.read_file(path)
    except finding.FileNotReadable as refused:
        return _report(path, (), [_problem("unreadable", 1, 1, refused.detail)])
    checked = check(text)
    needed = required(text)
    errors = [_problem(p.id, p.line, p.column, p.message) for p in checked.problems]
    return _report(path, needed, [*errors, *_unset(needed, checked.variables)])


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


def _lines(files: Iterable[Report]) -> Iterable[str]:
    for file in files:
        yield f"{file['file']}: {'ok' if file['ok'] else 'can not run'}"
        for problem in file["problems"]:
            place = f"{problem['line']}:{problem['column']}"
            yield f"  {place} {problem['level']} {problem['id']}: {problem['message']}"
