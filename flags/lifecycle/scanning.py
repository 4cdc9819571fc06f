"""Where flags are named in code: a text search that knows how flags are asked for. Pure.

A flag counts as named where its key stands between quotes, or where one of the environment
variables made from it stands (see `baked`). A name between quotes behind a well-known call
(`getBooleanValue("…")`, `isEnabled("…")`) that is no flag of ours is an unknown flag: the code asks
for something that always answers its default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flags.lifecycle.baked import enable_name, percentage_name
from releases.refusals import Refused

LARGEST_FILE = 2_000_000
MOST_PLACES = 200
"""Places of one flag that are kept; more are counted."""

SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".tox"}
)
_QUOTED = re.compile(r"""(["'`])([A-Za-z0-9][A-Za-z0-9._-]{0,99})\1""")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_ASKED = re.compile(
    r"\b(?:get(?:Boolean|String|Number|Object|Integer|Float)(?:Value|Details)"
    r"|get_(?:boolean|string|integer|float|object)_(?:value|details)"
    r"|use(?:Boolean|String|Number|Object)?Flag(?:Value|Details)?|useVariant"
    r"|isEnabled|is_enabled|getVariant|get_variant|flag_is_active|BoolVariation)"
    r"""\(\s*(["'`])([A-Za-z0-9][A-Za-z0-9._-]{0,99})\1"""
)


class NoSuchFolder(Refused):
    """There is nothing to scan at that path."""


@dataclass(frozen=True, order=True)
class Place:
    """A line that names a flag: path below the scanned folder, line from 1."""

    path: str
    line: int


@dataclass
class Found:
    """What a scan saw: places by flag key, unknown names with theirs, and how much was read."""

    places: dict[str, list[Place]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, list[Place]] = field(default_factory=dict)
    files: int = 0
    unread: list[str] = field(default_factory=list)
    """Files that could not be read as text or are too large: cannot tell what they name."""


def scan(folder: Path, keys: Iterable[str]) -> Found:
    """Read every text file below a folder. Raises `NoSuchFolder`."""
    if not folder.exists():
        raise NoSuchFolder(str(folder))
    names = _names(keys)
    found = Found()
    for path in _files(folder):
        shown = str(path.relative_to(folder)) if folder.is_dir() else path.name
        text = _text(path)
        if text is None:
            found.unread.append(shown)
            continue
        found.files += 1
        for number, line in enumerate(text.splitlines(), 1):
            _look(found, names, line, Place(shown, number))
    return found


def named_in(line: str, names: Mapping[str, str]) -> set[str]:
    """Return the keys that a line names; `names` leads from each spelling to its key.

    >>> sorted(named_in('if (isEnabled("universe-v2")) {', {"universe-v2": "universe-v2"}))
    ['universe-v2']
    >>> named_in("// the universe-v2 story", {"universe-v2": "universe-v2"})
    set()
    """
    spelled = {match[2] for match in _QUOTED.finditer(line)} | set(_VARIABLE.findall(line))
    return {names[one] for one in spelled if one in names}


def _look(found: Found, names: Mapping[str, str], line: str, place: Place) -> None:
    for key in named_in(line, names):
        found.counts[key] = found.counts.get(key, 0) + 1
        _keep(found.places, key, place)
    for match in _ASKED.finditer(line):
        if match[2] not in names:
            _keep(found.unknown, match[2], place)


def _keep(places: dict[str, list[Place]], key: str, place: Place) -> None:
    kept = places.setdefault(key, [])
    if len(kept) < MOST_PLACES:
        kept.append(place)


def _names(keys: Iterable[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for key in keys:
        names |= dict.fromkeys((key, enable_name(key), percentage_name(key)), key)
    return names


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for where, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name not in SKIPPED)
        yield from (Path(where) / name for name in sorted(names))


def _text(path: Path) -> str | None:
    """A file's text; empty for a binary one, None where it can't be told what it holds."""
    try:
        if not path.is_file() or path.is_symlink():
            return ""
        if path.stat().st_size > LARGEST_FILE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return "" if b"\x00" in content[:8192] else content.decode("utf-8", "replace")
