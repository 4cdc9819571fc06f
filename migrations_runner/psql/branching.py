r"""``\if \elif \else \endif`` while a script is read: what is known on each way. Pure."""

from __future__ import annotations

from dataclasses import replace

from migrations_runner.psql.arguments import Argument, Part
from migrations_runner.psql.branches import boolean
from migrations_runner.psql.marks import MetaCommand
from migrations_runner.psql.reading import File, Reading
from migrations_runner.psql.values import UNKNOWN, merged

_TRUE: bool | None = True
BRANCHING = frozenset({"if", "elif", "else", "endif"})


def branch(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> None:
    """Take the command; one whose outcome is open becomes a step of the run, too."""
    if mark.name == "if":
        _begin(reading, file, mark, arguments)
        return
    if not file.branches.stack:
        reading.refuse(
            file, mark.start, f"\\{mark.name}", f"\\{mark.name} without an \\if before it."
        )
        return
    inner = file.branches.stack[-1]
    if inner.has_else and mark.name != "endif":
        reading.refuse(file, mark.start, f"\\{mark.name}", f"\\{mark.name} after \\else.")
        return
    _leave_way(reading, file)
    if mark.name == "endif":
        _end(reading, file, mark)
    else:
        _turn(reading, file, mark, arguments)


def _begin(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> None:
    alive = file.branches.active is not False
    outcome = _condition(reading, file, mark, arguments) if alive else False
    file.ways.append((reading.known.copy(), []))
    file.branches.begin(condition=outcome)
    if outcome is None:
        _leave_to_the_run(reading, file, mark, arguments, first=True)


def _turn(reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
    inner, outcome = file.branches.stack[-1], _TRUE
    if mark.name == "else":
        file.branches.otherwise()
    else:
        wanted = file.branches.wants_condition
        outcome = _condition(reading, file, mark, arguments) if wanted else False
        file.branches.other(condition=outcome)
    if inner.open or outcome is None:
        _leave_to_the_run(reading, file, mark, arguments, first=not inner.open)


def _end(reading: Reading, file: File, mark: MetaCommand) -> None:
    inner = file.branches.stack[-1]
    base, ways = file.ways.pop()
    if not (inner.has_else or inner.decided is True):
        ways.append(base)
    reading.known = merged(ways) if ways else base
    if inner.open:
        _leave_to_the_run(reading, file, mark, ())
    file.branches.end()


def _leave_way(reading: Reading, file: File) -> None:
    """Keep what is known at the end of a branch that may have been taken."""
    base, ways = file.ways[-1]
    if file.branches.active is not False:
        ways.append(reading.known)
    reading.known = base.copy()


def _leave_to_the_run(
    reading: Reading,
    file: File,
    mark: MetaCommand,
    arguments: tuple[Argument, ...],
    *,
    first: bool = False,
) -> None:
    file.branches.stack[-1].open = True
    if not file.idle:
        reading.refuse(
            file,
            mark.start,
            f"\\{mark.name}",
            f"\\{mark.name} in the middle of a statement needs a condition that is known before.",
        )
    reading.later(file, replace(mark, name="if") if first else mark, arguments)


def _condition(
    reading: Reading, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]
) -> bool | None:
    """Its value; None if only the run will know."""
    value, missing = reading.known.evaluate(condition(arguments))
    for name in missing:
        reading.lacks(file, name, mark.start)
    if value is UNKNOWN:
        return True if reading.open and not file.idle else None
    found = boolean(value.text)
    if found is None and not missing:
        told = Part(unrecognized(mark.name, value.text))
        reading.later(file, replace(mark, name="warn"), ((told,),))
    return bool(found)


def condition(arguments: tuple[Argument, ...]) -> Argument:
    r"""All arguments of an ``\if`` as one, a blank between them, as psql looks at them."""
    parts: list[Part] = []
    for number, argument in enumerate(arguments):
        parts += [Part(" "), *argument] if number else argument
    return tuple(parts)


def unrecognized(name: str, text: str) -> str:
    """What psql says of a condition that is no Boolean, which it takes for false."""
    return f'unrecognized value "{text}" for "\\{name} expression": Boolean expected'
