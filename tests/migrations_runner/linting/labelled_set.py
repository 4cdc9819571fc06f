"""Scripts with labels: which rule should speak in which line. The labels come from the hazards.

Each file says in its first lines ``-- expect: rule@line …`` or ``-- expect: clean``, and
``-- catalog: name``. The line is that of the statement, or of the column or constraint in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrations_runner.linting import Finding, lint
from migrations_runner.linting.catalog import Catalog

FOLDER = Path(__file__).parent / "labelled"


@dataclass(frozen=True)
class Labelled:
    path: Path
    text: str
    expected: frozenset[str]
    catalog: str

    def found(self, catalog: Catalog | None) -> tuple[Finding, ...]:
        return tuple(f for f in lint(self.text, catalog=catalog) if f.allowed is None)


def scripts() -> Iterator[Labelled]:
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text()
        words = _header(text, "expect").split()
        expected = frozenset() if words == ["clean"] else frozenset(words)
        yield Labelled(path, text, expected, _header(text, "catalog") or "none")


def _header(text: str, name: str) -> str:
    start = f"-- {name}:"
    lines = text.splitlines()[:4]
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), "")


def spoken(findings: tuple[Finding, ...]) -> frozenset[str]:
    return frozenset(f"{each.rule}@{each.line}" for each in findings)
