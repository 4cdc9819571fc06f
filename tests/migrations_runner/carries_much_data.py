"""A process of its own: attaches a file and sends it, and prints by how much its memory grew.

``python -m tests.migrations_runner.carries_much_data RELEASE SMALL LARGE TARGET_URL``
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path


def main(slug: str, small: str, large: str, url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "releasecontrol.settings")
    import django

    django.setup()
    carry(slug, Path(small), url)
    before = peak()
    attaching, sending = carry(slug, Path(large), url)
    print(
        json.dumps(
            {
                "before": before,
                "peak": peak(),
                "attach_seconds": attaching,
                "send_seconds": sending,
            }
        )
    )


def carry(slug: str, path: Path, url: str) -> tuple[float, float]:
    """Attach the file, then send it; seconds of both."""
    import psycopg

    from migrations_runner import data_blocks
    from migrations_runner.parsing import parse_script
    from migrations_runner.sending import Sender
    from releases.models import Release
    from releases.timeline import Actor

    began = time.perf_counter()
    with path.open("rb") as file:
        attached = data_blocks.attach(
            release=Release.objects.get(slug=slug),
            name=path.name,
            file=file,
            actor=Actor.command("test"),
        )
    attaching = time.perf_counter() - began
    began = time.perf_counter()
    script = parse_script(attached.script.text, {})
    with psycopg.connect(url, autocommit=True) as session, session.transaction():
        sender = Sender(session, script, {})
        for statement in script.statements:
            sender.send(statement)
    return attaching, time.perf_counter() - began


def peak() -> int:
    """The most memory this process has had resident, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_file(path: Path, size: int) -> int:
    """A script with at least `size` bytes of data; how many rows."""
    filler, rows = "x" * 990, 0
    with path.open("w") as file:
        file.write("CREATE TABLE IF NOT EXISTS much (id bigint, filler text);\nTRUNCATE much;\n")
        file.write("COPY much FROM stdin;\n")
        while rows * 1000 < size:
            file.write(f"{rows}\t{filler}\n")
            rows += 1
        file.write("\\.\nANALYZE much;\n")
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
