r"""Reads a script as psql would and settles beforehand all that can be settled. Pure.

Every branch, variable and included file whose outcome is certain is carried out here; what is left
are steps for the run. What can't be done from here is refused now, before the first statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from migrations_runner.lexing import Lines, first_token
from migrations_runner.psql.arguments import Argument
from migrations_runner.psql.branches import Branches
from migrations_runner.psql.marks import (
    CopyData,
    Deep,
    End,
    Mark,
    MetaCommand,
    Sign,
    Variable,
    lex,
)
from migrations_runner.psql.pieces import Copied, Fixed, Inserted, Piece, Source, put_together
from migrations_runner.psql.program import Command, Data, Query, Step, reference
from migrations_runner.psql.values import (
    UNKNOWN,
    Knowledge,
    NotAlone,
    Unencodable,
    written,
)
from migrations_runner.refusals import (
    ScriptRefused,
    TooDeeplyNested,
    UnreadableText,
    UnsafeRawVariable,
    UnsupportedMetaCommand,
)

#: Says for a SELECT which names its columns have, and whether there may be others.
Columns = Callable[[str], tuple[frozenset[str], bool]]


@dataclass
class File:
    """One file while it is read: its open branches and the statement that has begun."""

    source: Source
    branches: Branches = field(default_factory=Branches)
    buffer: list[Piece] = field(default_factory=list)
    ways: list[tuple[Knowledge, list[Knowledge]]] = field(default_factory=list)
    ended: bool = False

    @property
    def idle(self) -> bool:
        """Whether no statement has begun: only blanks and comments since the last one."""
        text = self.text()
        return first_token(text, 0, len(text)) == len(text)

    def text(self) -> str:
        return put_together(self.source, self.buffer, lambda mark: f"_{mark.name}").text


@dataclass
class Reading:
    """What a script turned out to be: its steps, what is missing, what is refused."""

    known: Knowledge
    includes: Mapping[str, str]
    columns: Columns
    #: What a backslash command does to this reading; handed in, because it reads on by itself.
    obey: Callable[[Reading, File, MetaCommand], None]
    steps: list[Step] = field(default_factory=list)
    refused: list[ScriptRefused] = field(default_factory=list)
    missing: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    #: The included texts that play a part, by the names they are given under.
    included: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    #: Whether anybody may still give values to variables.
    open: bool = False
    #: The key of a ``\\restrict`` that is in force.
    restricted: str = ""

    def read(self, name: str, text: str, via: tuple[int, int] | None = None) -> None:
        """Take a file's steps; what is left of a last statement without semicolon counts, too."""
        source = Source(name, text, Lines(text), via)
        file, done = File(source), 0
        self.files.append(file)
        for mark in lex(source.text):
            self._copy(file, done, mark.start)
            done = mark.end
            self._take(file, mark)
            if file.ended:
                break
        else:
            self._copy(file, done, len(source.text))
        self.end_statement(file)
        if file.branches.stack and not file.ended:
            self.refuse(file, len(source.text), "\\if", "an \\if here is never ended by \\endif.")
        self.files.pop()

    def refuse(self, file: File, offset: int, command: str, reason: str = "") -> None:
        """Keep an UnsupportedMetaCommand; the reading goes on, so that all of them are found."""
        where, line, column = file.source.told(offset)
        told = f"{where}{reason or f'{command} is a command that only psql itself can obey.'}"
        self.refused.append(UnsupportedMetaCommand(command, line=line, column=column, reason=told))

    def end_statement(self, file: File, ending: str = "", prefix: str = "") -> None:
        """The statement in the buffer is complete: a step of the run."""
        pieces, sql = tuple(file.buffer), file.text()
        file.buffer.clear()
        if first_token(sql, 0, len(sql)) == len(sql):
            return
        self.steps.append(
            Query(file.source, pieces, ending, prefix, certain=file.branches.active is True)
        )
        if ending == "gset":
            self._set_from_columns(sql, prefix)

    def lacks(self, file: File, name: str, offset: int) -> None:
        """A variable is used that nobody gave a value."""
        _, line, column = file.source.told(offset)
        self.missing.setdefault(name, (name, line, column))

    def later(self, file: File, mark: MetaCommand, arguments: tuple[Argument, ...]) -> None:
        """The command is a step of the run."""
        line, column = file.source.lines.locate(mark.start)
        self.steps.append(Command(mark.name, arguments, line, column, file.source.name))

    def _copy(self, file: File, start: int, end: int) -> None:
        if start < end and file.branches.active is not False:
            file.buffer.append(Copied(start, end))

    def _take(self, file: File, mark: Mark) -> None:
        if isinstance(mark, MetaCommand):
            if file.branches.active is not False:
                file.buffer.append(Fixed(mark.start, " "))
            self.obey(self, file, mark)
        elif file.branches.active is False:
            return
        elif isinstance(mark, Variable):
            file.buffer.append(Inserted(mark, self._written(file, mark)))
        elif isinstance(mark, End):
            self.end_statement(file)
        elif isinstance(mark, Sign):
            file.buffer.append(Fixed(mark.start, mark.text))
        elif isinstance(mark, CopyData):
            self._data(file, mark)
        elif isinstance(mark, Deep):
            self._too_deep(file, mark)

    def _written(self, file: File, mark: Variable) -> str | None:
        """The variable's value as SQL; None where only the run knows it."""
        value = self.known.look(mark.name)
        if value is UNKNOWN:
            return None
        if value is None:
            if mark.form == "test":
                return "FALSE"
            self.lacks(file, mark.name, mark.start)
            return None
        where, line, column = file.source.told(mark.start)
        try:
            return written(mark, value, file.source.text)
        except Unencodable:
            reason = f"{where}the value of {mark.name} holds a character that no SQL text may hold."
            self.refused.append(UnreadableText(reason, line=line, column=column))
        except NotAlone:
            self.refused.append(UnsafeRawVariable(mark.name, line=line, column=column))
        return None

    def _data(self, file: File, mark: CopyData) -> None:
        """The lines after a COPY belong to the statement that has just ended."""
        rest = mark.rest
        if first_token(rest, 0, len(rest)) < len(rest):
            reason = "write nothing behind COPY … FROM stdin; on its line: its data comes next."
            self.refuse(file, mark.start - len(rest), "COPY … FROM stdin", reason)
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Query) and last.source is file.source:
            block = reference(file.source.text[mark.start : mark.data_end])
            self.steps[-1] = replace(last, data=Data(mark.start, mark.data_end, block))

    def _too_deep(self, file: File, mark: Deep) -> None:
        where, line, column = file.source.told(mark.start)
        reason = f"{where}write this statement with less nesting."
        self.refused.append(TooDeeplyNested(reason, line=line, column=column))

    def _set_from_columns(self, sql: str, prefix: str) -> None:
        names, others = self.columns(sql)
        for name in names:
            self.known.values[prefix + name] = UNKNOWN
        if others:
            self.known.maybe |= {prefix}
            for name in list(self.known.values):
                if name.startswith(prefix):
                    self.known.values[name] = UNKNOWN
