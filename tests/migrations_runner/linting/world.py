"""What the example application's database looks like once its universes are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.ddl import after
from migrations_runner.parsing import parse_script
from releasecontrol.examples.world import HERE, SCRIPTS

#: As the example's script 2, with the plain links that the plan itself had in mind.
LINKS = """
ALTER TABLE projects ADD COLUMN universe_id uuid REFERENCES universes (id);
ALTER TABLE characters ADD COLUMN universe_id uuid REFERENCES universes (id);
"""


def world() -> Catalog:
    """The catalog, told by the scripts alone: no server is asked."""
    texts = [
        HERE / "world_schema.sql",
        HERE / "world_keys.sql",
        SCRIPTS / "001_create_universes.sql",
    ]
    standing = Catalog(complete=True)
    for text in (*map(_read, texts), LINKS):
        standing = after(standing, parse_script(text, None).statements)
    old = {key: replace(table, here=False) for key, table in standing.tables.items()}
    return replace(standing, tables=old)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
