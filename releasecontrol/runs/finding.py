"""Which scripts a command line means: names of stored scripts, or files that are stored first.

A name (or the path that the plan gives it) means the stored script; anything else is a path to a
file, which is stored under its base name in the release, or in the release ``ad-hoc``. To mean a
file although a stored script has its name, write ``./name.sql``. What stands in ``ad-hoc`` never
goes before a file: it is only a copy of one.

Refused
└── ScriptNotFound
    ├── NoSuchScript, AmbiguousScript, SeveralReleases, NamedTwice
    └── NoSuchRelease, NoSuchTarget, NoSuchFile, FileNotReadable
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction
from django.db.models import Max, Q

from migrations_runner import editing
from migrations_runner.models import MigrationScript
from releases import timeline
from releases.models import Release, TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor

AD_HOC = "ad-hoc"
MOST_BYTES = 5 * 1024 * 1024


class ScriptNotFound(Refused):
    """What was asked for is not here; nothing was queued."""


class NoSuchScript(ScriptNotFound):
    """There is no stored script of this name and no file at this path; nothing was queued."""


class AmbiguousScript(ScriptNotFound):
    """Several releases have a script of this name; say which with --release."""


class SeveralReleases(ScriptNotFound):
    """The scripts of a run belong to one release; name it with --release; nothing was queued."""


class NoSuchRelease(ScriptNotFound):
    """There is no release of this slug; nothing was queued."""


class NoSuchTarget(ScriptNotFound):
    """There is no target database of this name."""


class NamedTwice(ScriptNotFound):
    """A run takes each script once; nothing was queued."""


class NoSuchFile(ScriptNotFound):
    """There is no such file."""


class FileNotReadable(ScriptNotFound):
    """This file can't be read as an SQL script."""


def target(name: str) -> TargetDatabase:
    """Raises NoSuchTarget, naming those that are known."""
    found = TargetDatabase.objects.select_related("environment").filter(name=_storable(name))
    if (known := found.first()) is not None:
        return known
    names = ", ".join(TargetDatabase.objects.values_list("name", flat=True))
    raise NoSuchTarget(f"Known: {names or 'none'}.")


@transaction.atomic
def scripts(words: Sequence[str], *, slug: str | None, actor: Actor) -> list[MigrationScript]:
    """The scripts in the order given; files are stored. Raises ScriptNotFound."""
    home = release(slug) if slug else None
    stored = [_stored(word, home) for word in words]
    _refuse_twice([_name(word, script) for word, script in zip(words, stored, strict=True)])
    files = [word for word, script in zip(words, stored, strict=True) if script is None]
    texts = {word: _text_of(word) for word in files}
    releases = {script.release for script in stored if script is not None}
    if len(releases) > 1 or (releases and files and home is None):
        raise SeveralReleases
    place = home or (_ad_hoc(actor) if files else releases.pop())
    return [
        script or _keep(place, Path(word), texts[word], actor)
        for word, script in zip(words, stored, strict=True)
    ]


def release(slug: str) -> Release:
    """Raises NoSuchRelease."""
    found = Release.objects.filter(slug=_storable(slug)).first()
    if found is None:
        raise NoSuchRelease(f"Looked for {slug}.")
    return found


def read_file(path: Path) -> str:
    """The text of an SQL file, without a byte order mark. Raises NoSuchFile, FileNotReadable."""
    if not _is_file(path):
        raise NoSuchFile(f"Looked for {path}.")
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
        text = data.decode("utf-8-sig") if data is not None else None
    except UnicodeDecodeError:
        raise FileNotReadable(f"{path} is not UTF-8.") from None
    except OSError as failed:
        raise FileNotReadable(f"{path}: {failed.strerror}.") from None
    if text is None:
        raise FileNotReadable(f"{path} has more than 5 MiB.")
    if "\0" in text:
        raise FileNotReadable(f"{path} holds a NUL character.")
    return text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or a NUL in it
        return False


def _text_of(word: str) -> str:
    if not _is_file(Path(word)):
        raise NoSuchScript(f"Looked for {word}.")
    return read_file(Path(word))


def _name(word: str, script: MigrationScript | None) -> str:
    return script.name if script else Path(word).name


def _refuse_twice(names: Sequence[str]) -> None:
    """The ledger knows a script by its name, so two of one name would be one."""
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise NamedTwice(f"Twice: {', '.join(twice)}.")


def _stored(word: str, home: Release | None) -> MigrationScript | None:
    named = MigrationScript.objects.select_related("release").filter(
        Q(name=_storable(word)) | Q(path=_storable(word))
    )
    if home is not None:
        named = named.filter(release=home)
    elif _is_file(Path(word)):
        named = named.exclude(release__slug=AD_HOC)
    found = list(named)
    if len({script.release_id for script in found}) > 1:
        slugs = ", ".join(sorted(script.release.slug for script in found))
        raise AmbiguousScript(f"{word}: {slugs}.")
    return found[0] if found else None


def _ad_hoc(actor: Actor) -> Release:
    made, created = Release.objects.get_or_create(
        slug=AD_HOC, defaults={"title": "Scripts outside of any release"}
    )
    if created:
        timeline.record(actor=actor, verb="release.create", subject=made, release=made)
    return made


def _keep(home: Release, path: Path, text: str, actor: Actor) -> MigrationScript:
    """The file as a script of the release; one of its name gets the file's text."""
    script = MigrationScript.objects.filter(release=home, name=path.name).first()
    if script is not None and script.text == text:
        return script
    created = script is None
    if script is None:
        last = home.scripts.aggregate(last=Max("position"))["last"] or 0
        script = MigrationScript(release=home, name=path.name, position=last + 1)
    script.text = text
    editing.save(script=script, actor=actor, created=created)
    return script


def _storable(text: str) -> str:
    """What a shell may hand in and no column can hold is nobody's name."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
