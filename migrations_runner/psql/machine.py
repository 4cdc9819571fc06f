r"""What psql remembers while a script runs: variables, branches, which file was quit. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from migrations_runner.lexing import first_token
from migrations_runner.psql.arguments import Argument
from migrations_runner.psql.branches import Branches, boolean
from migrations_runner.psql.branching import condition, unrecognized
from migrations_runner.psql.commands import SWITCHES, VALID_NAME
from migrations_runner.psql.marks import Variable
from migrations_runner.psql.pieces import Source, Substituted, put_together
from migrations_runner.psql.program import Command, FileBegins, FileEnds, Query
from migrations_runner.psql.values import (
    UNKNOWN,
    Knowledge,
    NotAlone,
    Unencodable,
    Value,
    written,
)


class CannotGoOn(Exception):
    """psql would stop here, or nobody knows how it would go on; says why."""


class Machine:
    """The state between two statements of one script."""

    def __init__(self, values: Mapping[str, str], given: Mapping[str, str]) -> None:
        """`given` holds what psql itself would have set, such as DBNAME."""
        both = {**given, **values}
        self._known = Knowledge({name: Value(text) for name, text in both.items()})
        self._files = [Branches()]
        #: How many files were open when one was quit; until that one ends nothing is done.
        self._quit: int | None = None

    @property
    def active(self) -> bool:
        """Whether a statement here would be sent."""
        return self._quit is None and all(file.active is True for file in self._files)

    def carry_out(self, step: Command | FileBegins | FileEnds) -> list[str]:
        """Do one step and return what it prints. Raises CannotGoOn."""
        if isinstance(step, FileBegins):
            self._files.append(Branches())
        elif isinstance(step, FileEnds):
            if self._quit == len(self._files):
                self._quit = None
            self._files.pop()
        elif step.name in {"if", "elif", "else", "endif"}:
            return self._branch(step)
        elif self.active:
            return self._obey(step)
        return []

    def put_in(self, query: Query) -> tuple[Substituted, int]:
        """The statement's text with all values, and where it begins. Raises CannotGoOn."""

        def value_of(variable: Variable) -> str:
            return self._written(variable, query.source)

        done = put_together(query.source, query.pieces, value_of)
        return done, first_token(done.text, 0, len(done.text))

    def assign(self, name: str, text: str | None) -> list[str]:
        r"""``\gset``: a value from the target; NULL takes the variable away."""
        if not VALID_NAME.fullmatch(name):
            raise CannotGoOn(f'invalid variable name: "{name}".')
        if name in SWITCHES:
            return [f'attempt to \\gset into specially treated variable "{name}" ignored']
        self._known.values[name] = None if text is None else Value(text)
        return []

    def forget(self, prefix: str, names: frozenset[str], *, others: bool) -> None:
        """An earlier run read these values from the target; nobody knows them any more."""
        for name in names:
            self._known.values[prefix + name] = UNKNOWN
        if others:
            self._known.maybe |= {prefix}

    def note_count(self, rows: int | None) -> None:
        """What the last statement changed or returned, as ROW_COUNT."""
        self._known.values["ROW_COUNT"] = Value(str(rows or 0))

    def _written(self, variable: Variable, source: Source) -> str:
        value = self._known.look(variable.name)
        if value is None and variable.form == "test":
            return "FALSE"
        if value is None:
            raise CannotGoOn(f"the variable {variable.name} has no value here.")
        if value is UNKNOWN:
            raise CannotGoOn(_LOST.format(variable.name))
        try:
            return written(variable, value, source.text)
        except Unencodable:
            raise CannotGoOn(f"{variable.name} holds a character no SQL text may hold.") from None
        except NotAlone:
            raise CannotGoOn(
                f"the value of {variable.name} is no plain number or name, so it can't stand bare:"
                f" write :'{variable.name}' or :\"{variable.name}\"."
            ) from None

    def _text(self, argument: Argument) -> str:
        value, _ = self._known.evaluate(argument)
        if value is UNKNOWN:
            names = ", ".join(part.text for part in argument if part.form is not None)
            raise CannotGoOn(_LOST.format(names))
        return value.text

    def _branch(self, step: Command) -> list[str]:
        branches, told = self._files[-1], list[str]()
        if step.name == "if":
            asked = branches.active is True and self.active
            branches.begin(condition=self._condition(step, told) if asked else False)
        elif step.name == "elif":
            asked = branches.wants_condition and self._quit is None
            branches.other(condition=self._condition(step, told) if asked else False)
        elif step.name == "else":
            branches.otherwise()
        else:
            branches.end()
        return told

    def _condition(self, step: Command, told: list[str]) -> bool:
        text = self._text(condition(step.arguments))
        found = boolean(text)
        if found is None:
            told.append(unrecognized(step.name, text))
        return bool(found)

    def _obey(self, step: Command) -> list[str]:
        if step.name in {"q", "quit"}:
            self._quit = len(self._files)
        elif step.name == "set":
            name, *rest = step.arguments
            value, _ = self._known.evaluate(tuple(part for each in rest for part in each))
            self._known.values[self._text(name)] = value
        elif step.name == "unset":
            self._known.forget(self._text(step.arguments[0]))
        else:
            return [self._echoed(step.arguments)]
        return []

    def _echoed(self, arguments: tuple[Argument, ...]) -> str:
        first = arguments[0] if arguments else ()
        without_newline = len(first) == 1 and first[0].text == "-n" and not first[0].quoted
        return " ".join(self._text(each) for each in arguments[without_newline:])


_LOST = "{} was read from the target by an earlier attempt, and only that one knew the value."
