"""Shell blocks of a plan: comments, commands over several lines, named SQL files. Pure.

Nothing is ever executed from here; commands are split only to find what they name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from releases.redaction import MASK, redact

LANGUAGES = frozenset({"bash", "sh", "shell", "zsh", "console", "shell-session", "terminal"})

_NUMBERING = re.compile(r"^\d{1,3}[.)]\s+")
_MAX_COMMAND = 20_000
_CREDENTIALS = re.compile(r"(?P<option>(?<!\S)(?:-u|--user)[ =]?)[^\s:]+:\S+")


@dataclass(frozen=True, slots=True)
class Command:
    """One command, continuation lines joined; ``comment`` is the nearest comment above it."""

    text: str
    comment: str
    comment_line: int
    start: int
    end: int

    @property
    def line_numbers(self) -> range:
        return range(self.start, self.end)

    def words(self) -> list[str]:
        """The words a shell would see, variables unexpanded; empty if quotes do not match."""
        try:
            return shlex.split(self.text[:_MAX_COMMAND])
        except ValueError:
            return []


@dataclass(frozen=True, slots=True)
class NamedScript:
    """A file handed to psql, with the names set by ``-v``."""

    path: str
    variables: tuple[str, ...]

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def masked(command: str) -> str:
    """A command line without its secrets, for showing.

    >>> masked("curl -u ana:hunter2 https://x.test/")
    'curl -u [hidden] https://x.test/'
    """
    return redact(_CREDENTIALS.sub(rf"\g<option>{MASK}", command))


def comment_text(line: str) -> str | None:
    """The words of a comment line without numbering, or None.

    >>> comment_text("# 2. Redeploy"), comment_text("npm run build")
    ('Redeploy', None)
    """
    stripped = line.strip()
    if not stripped.startswith("#") or stripped.startswith("#!"):
        return None
    return _NUMBERING.sub("", stripped.lstrip("#").strip())


def commands_of(lines: list[str], first_line: int) -> Iterator[Command]:
    """The commands of a block whose first line has this number."""
    comment, comment_line = "", 0
    pending: list[str] = []
    start = first_line
    for number, line in enumerate(lines, first_line):
        if not pending and (words := comment_text(line)) is not None:
            comment, comment_line = words, number
        elif pending or line.strip():
            start = start if pending else number
            pending.append(line.strip())
            if not _goes_on(pending[-1]) or number == first_line + len(lines) - 1:
                yield Command(_join(pending), comment, comment_line, start, number + 1)
                pending = []


def psql_scripts(command: Command) -> list[NamedScript]:
    """The files a psql command reads, in order; empty for any other command.

    >>> line = Command("psql $DATABASE_URL -v who=1 -f db/001_a.sql", "", 0, 1, 2)
    >>> psql_scripts(line)
    [NamedScript(path='db/001_a.sql', variables=('who',))]
    """
    if "psql" not in command.text:
        return []
    words = command.words()
    if not any(PurePosixPath(word).name == "psql" for word in words):
        return []
    variables = tuple(v.partition("=")[0] for v in _values(words, "-v", "--set", "--variable"))
    return [
        NamedScript(path, variables) for path in _values(words, "-f", "--file", "<") if path != "-"
    ]


def _values(words: list[str], *options: str) -> list[str]:
    """What follows any of the options, as a word of its own or glued to it."""
    found = []
    for index, word in enumerate(words):
        option, glued = _split_option(word, options)
        if glued:
            found.append(glued)
        elif option and index + 1 < len(words):
            found.append(words[index + 1])
    return found


def _split_option(word: str, options: tuple[str, ...]) -> tuple[str, str]:
    for option in options:
        if word == option:
            return option, ""
        if option.startswith("--") and word.startswith(f"{option}="):
            return option, word[len(option) + 1 :]
        if not option.startswith("--") and word.startswith(option) and not word.startswith("--"):
            return option, word[len(option) :]
    return "", ""


def _goes_on(line: str) -> bool:
    return line.endswith(("\\", "|", "&&"))


def _join(lines: list[str]) -> str:
    return " ".join(line.removesuffix("\\").strip() for line in lines)
