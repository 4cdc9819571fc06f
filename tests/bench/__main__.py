"""``make bench``: every benchmark once, one JSON object a line, in var/bench/results.jsonl.

``python -m tests.bench evaluation scripts`` runs only those named.
"""

from __future__ import annotations

import importlib
import os
import sys

#: Cheap ones first; `starting` clones the repository and takes minutes.
BENCHES = (
    *("evaluation", "importing", "linting", "scripts", "whole", "progress", "backfill"),
    *("serving", "streaming", "memory", "killing", "starting"),
    *("ruleset", "enduring"),
)
#: Another one where two people measure on one server.
NAME = os.environ.get("BENCH_DATABASE") or "rc_bench"


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - set(BENCHES)
    if unknown:
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(BENCHES)}.")
        return 2
    _own_database()
    from tests.bench import frame

    held = True
    for name in chosen or BENCHES:
        results = importlib.import_module(f"tests.bench.{name}").run()
        frame.write(results)
        held = held and all(result.holds for result in results)
    return 0 if held else 1


def _own_database() -> None:
    """A control database of its own on the embedded server, or on DATABASE_URL's."""
    if not os.environ.get("DATABASE_URL"):
        from releasecontrol import embedded

        os.environ["DATABASE_URL"] = embedded.database_url()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "releasecontrol.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()
    import psycopg

    from tests import databases

    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {NAME}")
    os.environ["DATABASE_URL"] = databases.url_of(NAME)
    from django.core.management import call_command
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = NAME
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
