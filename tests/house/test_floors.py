"""The house itself: floors, dotted strings, sizes of rooms, words that may not be committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parents[2]
APPS = ("releasecontrol", "releases", "checklists", "flags", "migrations_runner", "monitoring")
LONGEST_FILE = 400


def sources() -> Iterator[Path]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.relative_to(ROOT).parts[1:-1]:
                yield path


def test_imports_point_down_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_dotted_strings_resolve() -> None:
    """import-linter can't see a name in quotes, so each one is looked up here."""
    pattern = re.compile(rf"^(?:{'|'.join(APPS)})(?:\.\w+)+$")
    missing = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if pattern.match(text) and not _resolves(text, path):
                    missing.append(f"{path.relative_to(ROOT)}:{node.lineno} {text}")
    assert missing == []


#: Strings that look like a path and are something else: salts of signatures.
SALTS = {"flags.stream"}


def _resolves(text: str, path: Path) -> bool:
    if text in SALTS or re.search(r"\.[EW]\d{3}$", text):
        return True  # a salt, or the id of a system check
    head, _, tail = text.partition(".")
    if "." not in tail and (_is_permission(head, tail) or _is_model(text)):
        return True
    try:
        import_string(text)
    except ImportError:
        return _is_module(text)
    return True


def _is_permission(app: str, codename: str) -> bool:
    return re.fullmatch(r"[a-z]+_[a-z]+", codename) is not None and app in APPS


def _is_model(text: str) -> bool:
    from django.apps import apps

    try:
        apps.get_model(text)
    except (LookupError, ValueError):
        return False
    return True


def _is_module(text: str) -> bool:
    path = ROOT / Path(*text.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


@pytest.mark.django_db
def test_every_permission_that_a_verb_asks_for_exists() -> None:
    from django.contrib.auth.models import Permission

    known = {
        f"{app}.{codename}"
        for app, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }
    asked = set()
    for path in sources():
        asked |= set(re.findall(r"\.require\(\"([a-z_]+\.[a-z_]+)\"\)", path.read_text()))
    assert asked
    assert asked - known == set()


def test_no_room_is_crowded() -> None:
    crowded = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert crowded == {}


def test_every_command_has_a_test() -> None:
    commands = {
        path.stem
        for path in (ROOT / "releasecontrol" / "management" / "commands").glob("*.py")
        if path.stem != "__init__"
    }
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in commands if f'"{name}"' not in tests} == set()
