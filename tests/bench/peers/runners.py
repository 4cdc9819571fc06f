"""Other people's runners, each started as its users start it, over the same scripts.

They are looked for in PEERS_DIR (``make peers`` fills it); one that is not there is left out, and
the results say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from releasecontrol.embedded_home import candidates
from tests.bench.peers.scripts import SCRIPTS

PEERS = Path(os.environ.get("PEERS_DIR", Path(__file__).resolve().parents[3] / "var" / "peers"))
PSQL = str(next(iter(candidates())) / "psql")


@dataclass(frozen=True)
class Runner:
    """One peer: what it needs on disk, and the command that applies everything to a URL."""

    name: str
    found: Callable[[], bool]
    prepare: Callable[[Path], None]
    command: Callable[[Path, str], list[str]]
    #: What it prints where it must not be asked for a password, and such.
    environment: Callable[[str], dict[str, str]] = lambda _url: {}


def start(runner: Runner, home: Path, url: str) -> subprocess.Popen[bytes]:
    """Begin to apply; the caller waits for it, or kills it."""
    return subprocess.Popen(
        runner.command(home, url),
        cwd=home,
        env={**os.environ, **runner.environment(url)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _psql_files(home: Path) -> None:
    for name, text in SCRIPTS.items():
        (home / f"{name}.sql").write_text(text + "\n")


def _dbmate_files(home: Path) -> None:
    folder = home / "db" / "migrations"
    folder.mkdir(parents=True)
    for number, (name, text) in enumerate(SCRIPTS.items(), start=1):
        file = folder / f"{20260101000000 + number}_{name}.sql"
        file.write_text(f"-- migrate:up\n{text}\n\n-- migrate:down\n")


def _sqitch_files(home: Path) -> None:
    deploy = home / "deploy"
    deploy.mkdir()
    plan = ["%syntax-version=1.0.0", "%project=bench", ""]
    for name, text in SCRIPTS.items():
        (deploy / f"{name}.sql").write_text(f"BEGIN;\n{text}\nCOMMIT;\n")
        plan.append(f"{name} 2026-01-01T00:00:00Z Bench <bench@example.org>")
    (home / "sqitch.plan").write_text("\n".join(plan) + "\n")
    (home / "sqitch.conf").write_text('[core]\n\tengine = pg\n[engine "pg"]\n\tclient = psql\n')


def _yoyo_files(home: Path) -> None:
    folder = home / "migrations"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / f"{name}.sql").write_text(text + "\n")


def _liquibase_files(home: Path) -> None:
    lines = ["--liquibase formatted sql"]
    for name, text in SCRIPTS.items():
        lines += ["", f"--changeset bench:{name}", text]
    (home / "changelog.sql").write_text("\n".join(lines) + "\n")


def _liquibase(home: Path, url: str) -> list[str]:
    parts = urlsplit(url)
    jars = PEERS / "node_modules" / "liquibase" / "dist"
    path = [str(jar) for jar in [*jars.glob("*.jar"), *jars.glob("**/*.jar")]]
    return [
        "java",
        "-cp",
        ":".join(dict.fromkeys(path)),
        "liquibase.integration.commandline.Main",
        "--driver=org.postgresql.Driver",
        f"--url=jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}",
        f"--username={parts.username}",
        f"--password={parts.password or 'none'}",
        f"--classpath={home}",
        "--changeLogFile=changelog.sql",
        "update",
    ]


def _in_peers(*parts: str) -> Callable[[], bool]:
    return lambda: PEERS.joinpath(*parts).exists()


RUNNERS = (
    Runner(
        "psql -1 -f",
        lambda: True,
        _psql_files,
        lambda _home, url: [
            *(PSQL, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1"),
            *(word for name in SCRIPTS for word in ("-f", f"{name}.sql")),
            url,
        ],
    ),
    Runner(
        "dbmate",
        _in_peers("node_modules", ".bin", "dbmate"),
        _dbmate_files,
        lambda _home, url: [
            str(PEERS / "node_modules" / ".bin" / "dbmate"),
            *("--url", f"{url}?sslmode=disable", "--no-dump-schema", "migrate"),
        ],
    ),
    Runner(
        "sqitch",
        lambda: shutil.which("sqitch") is not None,
        _sqitch_files,
        lambda _home, url: ["sqitch", "deploy", url.replace("postgresql://", "db:pg://")],
        lambda _url: {
            "SQITCH_FULLNAME": "Bench",
            "SQITCH_EMAIL": "bench@example.org",
            "PATH": f"{Path(PSQL).parent}:{os.environ['PATH']}",
        },
    ),
    Runner(
        "yoyo",
        _in_peers("venv", "bin", "yoyo"),
        _yoyo_files,
        lambda _home, url: [
            str(PEERS / "venv" / "bin" / "yoyo"),
            *("apply", "--batch", "--no-config-file", "--database", url, "./migrations"),
        ],
    ),
    Runner(
        "Liquibase",
        _in_peers("node_modules", "liquibase"),
        _liquibase_files,
        _liquibase,
    ),
)
