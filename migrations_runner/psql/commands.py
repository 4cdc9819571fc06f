r"""psql's backslash commands: what each does while a script is read, or why it is refused. Pure.

``\set \unset \echo \qecho \warn \if \elif \else \endif \i \ir \g \gset \gexec \r \q \copy`` (with
the data in the script, or to the output) and ``\restrict`` do what psql does. Those that only
change how psql prints are passed over. All others are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from migrations_runner.lexing import NAME, without_bom
from migrations_runner.psql.arguments import Argument, NotUnderstood, split_arguments
from migrations_runner.psql.branching import BRANCHING, branch
from migrations_runner.psql.copying import copying
from migrations_runner.psql.marks import MetaCommand
from migrations_runner.psql.pieces import Copied, Fixed
from migrations_runner.psql.program import FileBegins, FileEnds, Query
from migrations_runner.psql.reading import File, Reading
from migrations_runner.psql.values import UNKNOWN

DEEPEST_INCLUDE = 16
MOST_INCLUDES = 500
VALID_NAME = re.compile(f"[{NAME}]+")
_SAME = {
    "include": "i",
    "include_relative": "ir",
    "gx": "g",
    "quit": "q",
    "reset": "r",
    "qecho": "echo",
    "warn": "echo",
}
#: They change how psql prints a result; the output of a run has its own form.
_ONLY_SHOWS = frozenset(["a", "C", "f", "H", "pset", "t", "T", "timing", "x"])
_TRUE = frozenset({"on", "true", "yes", "1", ""})
_FALSE = frozenset({"off", "false", "no", "0"})
#: psql's own switches that would change how the script runs, and the values that leave it alone.
SWITCHES = {
    "ON_ERROR_STOP": _TRUE,
    "AUTOCOMMIT": _TRUE,
    "ON_ERROR_ROLLBACK": _FALSE,
    "SINGLELINE": _FALSE,
    "SINGLESTEP": _FALSE,
}


def obey(reading: Reading, file: File, mark: MetaCommand) -> None:
    """Do what can be done now, keep what is for the run, refuse the rest (in `reading`)."""
    name = _SAME.get(mark.name, mark.name)
    alive = file.branches.active is not False
    if reading.restricted and name != "unrestrict":
        reason = f"\\{mark.name} stands between \\restrict and \\unrestrict."
        reading.refuse(file, mark.start, f"\\{mark.name}", reason)
    elif name in BRANCHING:
        _with_arguments(branch, reading, file, mark)
    elif alive and name == "copy":
        _copy(reading, file, mark)
    elif alive and name in _HANDLERS:
        _with_arguments(_HANDLERS[name], reading, file, mark)
    elif alive and name not in _ONLY_SHOWS:
        reading.refuse(file, mark.start, f"\\{mark.name}")


Handler = Callable[["Reading", "File", MetaCommand, tuple[Argument, ...]], None]


def _with_arguments(handler: Handler, reading: Reading, file: File, mark: MetaCommand) -> None:
    try:
        arguments = split_arguments(mark.arguments)
    except NotUnderstood as why:
        arguments = ()
        if file.branches.active is not False:
            reason = f"\\{mark.name} with {why} is not understood."
            reading.refuse(file, mark.start, f"\\{mark.name}", reason)
            return
    handler(reading, file, mark, arguments)


def _certain(reading: Reading, file: File, mark: MetaCommand, argument: Argument) -> str | None:
    """The argument's text; None, and a refusal, if only the run would know it."""
    value, missing = reading.known.evaluate(argument)
    for name in missing:
        reading.lacks(file, name, mark.start)
    if value is not UNKNOWN:
        return value.text
    reason = f"\\{mark.name} wants a value that is known before the script runs."
    reading.refuse(file, mark.start, f"\\{mark.name}", reason)
    return None


def _name(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> str | None:
    """The first argument as the name of a variable."""
    name = _certain(reading, file, mark, arguments[0]) if arguments else ""
    if name is not None and not VALID_NAME.fullmatch(name):
        reason = f"\\{mark.name} wants the name of a variable."
        reading.refuse(file, mark.start, f"\\{mark.name}", reason)
        return None
    return name


def _set(reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
    name = _name(reading, file, mark, arguments)
    if name is None:
        return
    value, missing = reading.known.evaluate(tuple(part for each in arguments[1:] for part in each))
    for lacking in missing:
        reading.lacks(file, lacking, mark.start)
    allowed = SWITCHES.get(name)
    if allowed is not None and (value is UNKNOWN or value.text.lower() not in allowed):
        reason = f"\\set {name} to anything else would change how the script runs."
        reading.refuse(file, mark.start, "\\set", reason)
        return
    reading.known.values[name] = value
    reading.later(file, mark, arguments)


def _unset(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> None:
    name = _name(reading, file, mark, arguments)
    if name in SWITCHES:
        reason = f"\\unset {name} would change how the script runs."
        reading.refuse(file, mark.start, "\\unset", reason)
    elif name is not None:
        reading.known.forget(name)
        reading.later(file, mark, arguments)


def _include(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> None:
    path = _certain(reading, file, mark, arguments[0]) if arguments else ""
    if path is None:
        return
    if _SAME.get(mark.name, mark.name) == "ir":
        path = posixpath.join(posixpath.dirname(file.source.name), path)
    name = _find(reading, posixpath.normpath(path)) if path else None
    reason = _why_not(reading, name)
    if name is None or reason:
        reason = reason or f"there is no script {path!r} in this release to include."
        reading.refuse(file, mark.start, f"\\{mark.name}", reason)
        return
    text = reading.includes[name]
    reading.included[name] = text
    reading.steps.append(FileBegins())
    _, line, column = file.source.told(mark.start)
    reading.read(name, without_bom(text), (line, column))
    reading.steps.append(FileEnds())


def _find(reading: Reading, path: str) -> str | None:
    """The given name that means the path: the same, or the only one with that last part."""
    if path in reading.includes:
        return path
    last = posixpath.basename(path)
    same = [name for name in reading.includes if posixpath.basename(name) == last]
    texts = {reading.includes[name] for name in same}
    return same[0] if len(texts) == 1 else None


def _why_not(reading: Reading, name: str | None) -> str:
    if name in [file.source.name for file in reading.files]:
        return f"{name} would include itself."
    if sum(isinstance(step, FileBegins) for step in reading.steps) >= MOST_INCLUDES:
        return f"a script includes at most {MOST_INCLUDES} files."
    if len(reading.files) > DEEPEST_INCLUDE:
        return f"files include each other more than {DEEPEST_INCLUDE} levels deep."
    return ""


def _send(reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
    r"""``\g``, ``\gset``, ``\gexec``: what a semicolon does, and more."""
    if file.idle:
        reason = f"\\{mark.name} without a statement before it would send the last one once more."
        reading.refuse(file, mark.start, f"\\{mark.name}", reason)
        return
    if mark.name == "gset" and arguments:
        prefix = _name(reading, file, mark, arguments)
        if prefix is not None:
            reading.end_statement(file, "gset", prefix)
    elif mark.name in {"g", "gx"}:
        if mark.arguments and not re.fullmatch(r"\(.*\)", mark.arguments):
            reading.refuse(file, mark.start, f"\\{mark.name}", "a result can't go to a file.")
        reading.end_statement(file)
    else:
        reading.end_statement(file, mark.name)


def _echo(reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
    reading.later(file, mark, arguments)


def _quit(reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
    if file.branches.active is True:
        file.ended = True
    else:
        reading.later(file, mark, arguments)


def _reset(_reading: Reading, file: File, _mark: MetaCommand, _args: tuple[Argument, ...]) -> None:
    file.buffer.clear()


def _restrict(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> None:
    key = arguments[0][0].text if arguments else ""
    if mark.name == "restrict" and key:
        reading.restricted = key
    elif mark.name == "unrestrict" and key and key == reading.restricted:
        reading.restricted = ""
    else:
        reading.refuse(file, mark.start, f"\\{mark.name}", f"\\{mark.name} wants its key.")


def _copy(reading: Reading, file: File, mark: MetaCommand) -> None:
    r"""``\copy``: COPY with the data in the script or to the output; files are out of reach."""
    found = copying(mark.arguments)
    reason = "" if file.idle else "\\copy in the middle of a statement is not understood."
    if found is None or found.client not in {"stdin", "stdout", "pstdout"}:
        reason = "\\copy reads and writes files of the machine where psql runs; a run has none."
    if reason or found is None:
        reading.refuse(file, mark.start, "\\copy", reason)
        return
    start = file.source.text.index(mark.arguments, mark.start + len("\\copy"))
    end = start + len(mark.arguments.rstrip("; \t"))
    target = Fixed(start + found.start, found.client.removeprefix("p"))
    pieces = (
        Fixed(mark.start, "COPY "),
        Copied(start, start + found.start),
        target,
        Copied(start + found.end, end),
    )
    file.buffer.clear()
    certain = file.branches.active is True
    reading.steps.append(Query(file.source, pieces, certain=certain))


_HANDLERS: dict[str, Handler] = {
    "echo": _echo,
    "g": _send,
    "gexec": _send,
    "gset": _send,
    "i": _include,
    "ir": _include,
    "q": _quit,
    "r": _reset,
    "restrict": _restrict,
    "set": _set,
    "unrestrict": _restrict,
    "unset": _unset,
}
