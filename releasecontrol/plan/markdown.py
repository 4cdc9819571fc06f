"""Markdown to a flat list of blocks with their line numbers. Pure.

markdown-it-py (CommonMark, with tables and front matter) finds the structure: lists, fences,
comments, quotes. Only its block rules run; what stands inside a line is read by ``plain``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from releasecontrol.plan.encoding import TooDeeplyNested

MAX_NESTING = 60
_MAX_MARKERS = 24
_RULE_SIGNS = frozenset("-*_ \t")

BlockKind = Literal[
    "heading", "paragraph", "entry", "fence", "indented", "html", "rule", "table", "front_matter"
]

_MARKER = re.compile(r"[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))")
_CHECKBOX = re.compile(r"\[([ xX✓✔]?)\](?!\()[ \t]*(?=\S)")
# CommonMark lets only a list that starts with 1 follow a paragraph without a blank line, so a plan
# whose step 1 was deleted would lose its other steps to the label above them.
_LATE_STEP = re.compile(r"(?P<number>\d{1,9})[.)][ \t]+(?=\[[ xX✓✔]?\](?!\()[ \t]*\S)")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(([^()\s]*)\)")
_BARE_URL = re.compile(r"https?://[^\s<>()\]]+")
_EMPHASIS = re.compile(r"(\*{1,3}|~~|`{1,3})(?=\S)([^*~`]+)(?<=\S)\1")
_UNDERLINE = re.compile(r"(?<!\w)(_{1,2})(?=\S)([^_]+)(?<=\S)\1(?!\w)")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. ``start`` and ``end`` are 1-based lines, ``end`` exclusive.

    ``entry`` is the first paragraph of a list item; ``depth`` counts the lists it is in, ``number``
    its place in an ordered one, ``checked`` is None without a checkbox, ``parent`` the start line
    of the enclosing entry (0 at the top). ``level`` is a heading's, ``info`` a fence's language.
    """

    kind: BlockKind
    text: str
    start: int
    end: int
    level: int = 0
    info: str = ""
    number: int | None = None
    checked: bool | None = None
    depth: int = 0
    parent: int = 0

    @property
    def line_numbers(self) -> range:
        return range(self.start, self.end)


def blocks_of(text: str) -> list[Block]:
    """All leaf blocks of a document in source order.

    Raises TooDeeplyNested when quotes and lists stand in each other more than some 25 levels.
    """
    _refuse_marker_towers(text)
    tokens = _MARKDOWN.parse(text)
    if any(token.level >= MAX_NESTING - 2 for token in tokens):
        raise TooDeeplyNested
    return list(_Walk(tokens).blocks())


def plain(text: str) -> str:
    """A line's words without comments, emphasis, code marks and link addresses.

    >>> plain("Update **the** [`guide`](https://x.test/a) <!-- soon -->  now")
    'Update the guide now'
    """
    text = _LINK.sub(r"\1", without_comments(text))
    text = _UNDERLINE.sub(r"\2", _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text)))
    return " ".join(html.unescape(text).split())


def without_comments(text: str) -> str:
    """The text without ``<!-- … -->``; one that never ends stays.

    >>> without_comments("a <!-- b --> c <!-- d")
    'a  c <!-- d'
    """
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[position:start])
        position = end + 3
    return "".join([*kept, text[position:]])


def links_of(text: str) -> tuple[str, ...]:
    """The addresses a line points at, each once.

    >>> links_of("see [a](https://x.test/a) and https://x.test/b")
    ('https://x.test/a', 'https://x.test/b')
    """
    text = without_comments(text)
    targets = [found[2] for found in _LINK.finditer(text)]
    bare = [found.rstrip(".,;:") for found in _BARE_URL.findall(_LINK.sub(" ", text))]
    return tuple(dict.fromkeys(target for target in (*targets, *bare) if target))


def _build_parser() -> MarkdownIt:
    # Reference definitions would vanish from the token stream, and no line may vanish.
    options = {"maxNesting": MAX_NESTING, "html": True}
    parser = MarkdownIt("commonmark", options).enable("table").disable("reference")
    parser.use(front_matter_plugin)
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_MARKDOWN = _build_parser()


def _refuse_marker_towers(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if not _RULE_SIGNS.issuperset(line) and _leading_markers(line) > _MAX_MARKERS:
            raise TooDeeplyNested(f"See line {number}.")


def _leading_markers(line: str) -> int:
    position = count = 0
    while count <= _MAX_MARKERS and (found := _MARKER.match(line, position)):
        position, count = found.end(), count + 1
    return count


@dataclass(slots=True)
class _Entry:
    number: int | None
    start: int = 0


@dataclass(slots=True)
class _Walk:
    """Goes through the token stream with the open lists and list items on two stacks."""

    tokens: Sequence[Token]
    next_numbers: list[int | None] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)

    def blocks(self) -> Iterator[Block]:
        table_end = 0
        for index, token in enumerate(self.tokens):
            self._keep_stacks(token)
            start, end = _lines(token)
            if token.type == "table_open":
                table_end = end
                yield Block("table", "", start, end)
            elif end > table_end:
                yield from self._leaf(token, index, start, end)

    def _keep_stacks(self, token: Token) -> None:
        match token.type:
            case "ordered_list_open":
                start = token.attrGet("start")
                self.next_numbers.append(1 if start is None else int(start))
            case "bullet_list_open":
                self.next_numbers.append(None)
            case "ordered_list_close" | "bullet_list_close":
                self.next_numbers.pop()
            case "list_item_open":
                self.entries.append(_Entry(self._take_number()))
            case "list_item_close":
                self.entries.pop()

    def _take_number(self) -> int | None:
        number = self.next_numbers[-1]
        if number is not None:
            self.next_numbers[-1] = number + 1
        return number

    def _leaf(self, token: Token, index: int, start: int, end: int) -> Iterator[Block]:
        match token.type:
            case "inline":
                yield from self._text_blocks(token, self.tokens[index - 1], start, end)
            case "fence":
                yield Block("fence", token.content, start, end, info=token.info.strip())
            case "code_block":
                yield Block("indented", token.content, start, end)
            case "html_block":
                yield Block("html", token.content, start, end)
            case "hr":
                yield Block("rule", "", start, end)
            case "front_matter":
                yield Block("front_matter", token.content, start, end)

    def _text_blocks(self, token: Token, opener: Token, start: int, end: int) -> Iterator[Block]:
        entry = self.entries[-1] if self.entries else None
        if opener.type == "heading_open":
            yield Block("heading", token.content, start, end, level=int(opener.tag[1]))
        elif entry is None or entry.start:
            yield from self._paragraph_blocks(token.content.split("\n"), start)
        else:
            entry.start = start
            yield self._entry_block(token.content, entry.number, start, end)

    def _paragraph_blocks(self, lines: list[str], start: int) -> Iterator[Block]:
        """The paragraph, and the numbered checkboxes that were swallowed by it."""
        marks = {i: found for i, line in enumerate(lines) if (found := _LATE_STEP.match(line))}
        cuts = [*marks, len(lines)]
        if cuts[0]:
            yield Block("paragraph", "\n".join(lines[: cuts[0]]), start, start + cuts[0])
        for (index, mark), after in zip(marks.items(), cuts[1:], strict=True):
            content = "\n".join([lines[index][mark.end() :], *lines[index + 1 : after]])
            number = int(mark["number"])
            yield self._entry_block(content, number, start + index, start + after)

    def _entry_block(self, content: str, number: int | None, start: int, end: int) -> Block:
        box = _CHECKBOX.match(content)
        return Block(
            "entry",
            content[box.end() :] if box else content,
            start,
            end,
            number=number,
            checked=bool(box[1].strip()) if box else None,
            depth=len(self.entries),
            parent=self.entries[-2].start if len(self.entries) > 1 else 0,
        )


def _lines(token: Token) -> tuple[int, int]:
    return (token.map[0] + 1, token.map[1] + 1) if token.map else (0, 0)
