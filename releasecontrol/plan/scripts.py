"""Files for the scripts that a plan names: from uploads, an archive or a directory, by base name.

    Refused
    └── FilesRefused
        ├── TooMuch, NotAnArchive, UnsafePath, NotText, EmptyFile
        ├── AmbiguousFiles
        ├── NoSuchDirectory
        └── ScriptsAreFinal

Reading is bounded before anything is decoded: an archive is asked how much it holds, and read with
a limit all the same. A file that no script waits for is listed, never stored.
"""

from __future__ import annotations

import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from django.db import transaction

from migrations_runner import versions
from migrations_runner.models import MigrationScript
from releases import timeline
from releases.models import Release
from releases.refusals import Refused
from releases.states import RELEASE
from releases.timeline import Actor

PERMISSION = "migrations_runner.change_migrationscript"
MOST_BYTES = 5 * 1024 * 1024
MOST_FILES = 500


class FilesRefused(Refused):
    """These files can't be attached; nothing was stored."""


class TooMuch(FilesRefused):
    """These are more than 500 files or more than 5 MiB when unpacked; nothing was stored."""


class NotAnArchive(FilesRefused):
    """This archive can't be read as a plain zip file; nothing was stored."""


class UnsafePath(FilesRefused):
    """The archive holds a path that leads out of it; nothing was stored."""


class NotText(FilesRefused):
    """A script is not UTF-8 text; nothing was stored."""


class EmptyFile(FilesRefused):
    """A script is empty; nothing was stored."""


class AmbiguousFiles(FilesRefused):
    """Two different files have the name of one script; nothing was stored."""


class NoSuchDirectory(FilesRefused):
    """There is no such directory of scripts; nothing was stored."""


class ScriptsAreFinal(FilesRefused):
    """This release has ended; its scripts stay as they were."""


@dataclass(frozen=True)
class Attached:
    """Names of scripts that got a new text, that had it already, and files nobody waits for."""

    names: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


@transaction.atomic
def attach(*, release: Release, files: Mapping[str, str], actor: Actor) -> Attached:
    """Give the release's scripts their texts; `files` maps paths to texts.

    Raises AmbiguousFiles, ScriptsAreFinal, NotPermitted.
    """
    actor.require(PERMISSION)
    release = Release.objects.select_for_update(of=("self",), no_key=True).get(pk=release.pk)
    if release.state in RELEASE.final:
        raise ScriptsAreFinal(f"It is {release.get_state_display().lower()}.")
    done = put(release, files)
    for script in MigrationScript.objects.filter(release=release, name__in=done.names):
        versions.keep(script, by=actor.name)
        timeline.record(
            actor=actor,
            verb="script.attach",
            subject=script,
            release=release,
            data={"sha256": script.sha256},
        )
    return done


def put(release: Release, files: Mapping[str, str]) -> Attached:
    """Store the texts that scripts wait for; for a caller that holds the release's row."""
    done = Attached(unmatched=sorted(files))
    if not files:
        return done
    for script in MigrationScript.objects.filter(release=release):
        path = match(script.name, script.path, files)
        if path is None:
            continue
        done.unmatched[:] = [other for other in done.unmatched if not _same_name(other, path)]
        if files[path] == script.text:
            done.same.append(script.name)
            continue
        script.text = files[path]
        script.save(update_fields=["text"])
        done.names.append(script.name)
    return done


def awaiting(release: Release | None) -> list[str]:
    """Names of the scripts without text, in the order of the plan."""
    if release is None:
        return []
    rows = MigrationScript.objects.filter(release=release, text="")
    return list(rows.values_list("name", flat=True))


def match(name: str, path: str, files: Mapping[str, str]) -> str | None:
    """The file for a script: by base name, and by the plan's own path where several have it.

    >>> match("010.sql", "db/010.sql", {"old/010.sql": "a", "x/db/010.sql": "b"})
    'x/db/010.sql'
    >>> match("010.sql", "db/010.sql", {"011.sql": "a"}) is None
    True
    """
    found = [file for file in sorted(files) if _same_name(file, name)]
    if len(found) > 1 and path:
        found = [file for file in found if f"/{file}".endswith(f"/{path}")] or found
    if len({files[file] for file in found}) > 1:
        raise AmbiguousFiles(f"{' and '.join(found[:2])}.")
    return found[0] if found else None


def from_directory(directory: Path) -> dict[str, str]:
    """Every ``*.sql`` file below a directory, by its path in it. Links are not followed."""
    if not directory.is_dir():
        raise NoSuchDirectory(f"Looked for {directory}.")
    return _texts(_walk(directory))


def from_uploads(uploads: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Uploaded files, archives unpacked, by name."""
    return _texts(_opened(uploads))


def _walk(directory: Path) -> Iterator[tuple[str, int, Path]]:
    for folder, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if _is_script(name) and path.is_file() and not path.is_symlink():
                yield path.relative_to(directory).as_posix(), path.stat().st_size, path


def _opened(uploads: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, int, bytes]]:
    for name, data in uploads:
        if PurePosixPath(name).suffix.lower() == ".zip":
            yield from _unzipped(name, data)
        else:
            yield name, len(data), data


def _unzipped(name: str, data: bytes) -> Iterator[tuple[str, int, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _refuse_bulk(len(infos), sum(info.file_size for info in infos))
            for info in infos:
                _refuse_escape(info.filename)
                if _is_script(info.filename):
                    yield info.filename, info.file_size, _read(archive, info)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        RuntimeError,
        NotImplementedError,
        OSError,
        EOFError,
        ValueError,
    ):
        # RuntimeError: encrypted. NotImplementedError: zipfile's word for a compression it lacks.
        # The archive's own words may quote its content: not repeated.
        raise NotAnArchive(f"{name}.") from None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        data = member.read(MOST_BYTES + 1)  # what an archive says of its size is only a claim
    _refuse_bulk(1, len(data))
    return data


def _texts(found: Iterable[tuple[str, int, bytes | Path]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    total = 0
    for name, size, content in found:
        total += size
        _refuse_bulk(len(texts) + 1, total)
        data = content.read_bytes() if isinstance(content, Path) else content
        texts[name] = _text(name, data)
    return texts


def _text(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotText(f"{name}.") from None
    if "\0" in text:
        raise NotText(f"{name}.")
    if not text.strip():
        raise EmptyFile(f"{name}.")
    return text


def _refuse_bulk(files: int, size: int) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        raise TooMuch


def _refuse_escape(name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or name.startswith(("/", "\\")) or ":" in name:
        raise UnsafePath(f"{name[:100]}.")


def _is_script(name: str) -> bool:
    """A ``.sql`` file that is no hidden shadow, such as those that macOS puts into archives."""
    base = PurePosixPath(name).name
    return base.lower().endswith(".sql") and not base.startswith(".")


def _same_name(one: str, other: str) -> bool:
    return PurePosixPath(one).name == PurePosixPath(other).name
