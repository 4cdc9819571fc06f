"""Fenced code to facts: SQL, environment files, shell commands, code that reads a flag. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from releasecontrol.plan import curl, facts, shell, sql, variables, vocabulary
from releasecontrol.plan.draft import Draft
from releasecontrol.plan.ledger import NOT_UNDERSTOOD
from releasecontrol.plan.markdown import Block
from releases.redaction import redact

_FLAG_WORDS = re.compile(r"\bfeature (?:flags?|toggles?)\b|\bflags?\b", re.IGNORECASE)
_NUMBERING = re.compile(r"^\d{1,3}(?:\.\d{1,3})*[.)]\s+")
_PATH_COMMENT = re.compile(
    r"^\s*(?://|#|--|/\*)\s*(?P<path>[\w@.-]+(?:/[\w@.\[\]-]+)+\.\w{1,8})\s*(?:\*/)?\s*$"
)
_SHELL_START = re.compile(r"^[ \t]*(?:\$ )?(?:curl|psql)\s", re.MULTILINE)
_EXPECTED = re.compile(
    r"\s?[(\[]?(?:\b(?:expect(?:s|ed)?|returns?|status)\b\D{0,20}|(?:→|->)\s?)(?P<status>\d{3})\b[)\]]?",
    re.IGNORECASE,
)
_DATA = frozenset(
    {"json", "yaml", "yml", "toml", "text", "txt", "xml", "html", "diff", "markdown", "md", ""}
)


def read_fence(draft: Draft, block: Block) -> None:
    """Turn one fenced block into facts. Its fence lines are structure, its lines are claimed."""
    lines = block.text.removesuffix("\n").split("\n") if block.text else []
    language = block.info.split(maxsplit=1)[0].lower().strip("{}.") if block.info else ""
    kind, ref = _read(draft, block, language, lines)
    body = range(block.start + 1, block.start + 1 + len(lines))
    draft.ledger.put(body, kind, ref)
    draft.ledger.put(block.line_numbers, "fence", ref)


def _read(draft: Draft, block: Block, language: str, lines: list[str]) -> tuple[str, str]:
    if language in sql.LANGUAGES:
        return "sql", _add_sql(draft, block)
    if _is_environment(draft, language, lines):
        return "variable", _add_variables(draft, block, lines)
    if language in shell.LANGUAGES or (not language and _SHELL_START.search(block.text)):
        return "shell", _add_shell(draft, block, lines)
    return "code", _add_code(draft, block, language, lines)


def _title(draft: Draft) -> str:
    return _NUMBERING.sub("", draft.outline.nearest)


def _add_sql(draft: Draft, block: Block) -> str:
    title = _title(draft) or f"SQL block {len(draft.sql_blocks) + 1}"
    key = draft.key("sql", title)
    draft.sql_blocks.append(
        facts.SqlBlock(
            key=key,
            line=block.start,
            title=title,
            sql=block.text,
            sql_line=block.start + 1,
            variables=sql.psql_variables(block.text),
            role=sql.sql_role(block.text, in_rollback=draft.outline.about("rollback")),
            position=len(draft.sql_blocks) + 1,
        )
    )
    return key


def _is_environment(draft: Draft, language: str, lines: list[str]) -> bool:
    if not variables.only_assignments(lines):
        return False
    shellish = not language or language in shell.LANGUAGES
    return language in variables.LANGUAGES or (shellish and draft.outline.about("variable"))


def _add_variables(draft: Draft, block: Block, lines: list[str]) -> str:
    section = draft.outline.nearest
    for one in variables.assignments(lines, block.start + 1):
        key = draft.key("variable", one.name)
        draft.variables.append(
            facts.Variable(
                key=key,
                line=one.line,
                name=one.name,
                section=section,
                example=one.example,
                is_placeholder=one.is_placeholder,
                comment=one.comment,
            )
        )
        draft.ledger.put([one.line], "variable", key)
    return ""


def _add_shell(draft: Draft, block: Block, lines: list[str]) -> str:
    commands = list(shell.commands_of([line.removeprefix("$ ") for line in lines], block.start + 1))
    role = vocabulary.shell_role_of(draft.outline.texts)
    in_rollback = role == "rollback"
    for command in commands:
        for script in shell.psql_scripts(command):
            _add_script(draft, command, script, in_rollback=in_rollback)
    if role in {"smoke", "verify"} or (draft.outline.about("smoke") and not in_rollback):
        tested = _add_smoke_tests(draft, commands)
        if tested and len(tested) == len(commands):
            return tested[-1]
    return _add_shell_block(draft, block, lines, role)


def _add_script(
    draft: Draft, command: shell.Command, script: shell.NamedScript, *, in_rollback: bool
) -> None:
    known = next((one for one in draft.script_files if one.path == script.path), None)
    key = known.key if known else draft.keys.make("script", [], script.path)
    if not known:
        role = vocabulary.script_role_of(script.path, command.comment, in_rollback=in_rollback)
        draft.script_files.append(
            facts.ScriptFile(
                key=key,
                line=command.start,
                path=script.path,
                name=script.name,
                role=role,
                position=len(draft.script_files) + 1,
                variables=script.variables,
            )
        )
    draft.ledger.put(command.line_numbers, "script", key)


def _add_smoke_tests(draft: Draft, commands: list[shell.Command]) -> list[str]:
    keys, named = [], 0
    for command in commands:
        if not command.text.startswith("curl"):
            continue
        request = curl.read_curl(command.words())
        if not request:
            draft.ledger.put(command.line_numbers, NOT_UNDERSTOOD)
            continue
        comment = command.comment if command.comment_line != named else ""
        named = command.comment_line
        keys.append(_add_smoke_test(draft, command, request, comment))
    return keys


def _add_smoke_test(
    draft: Draft, command: shell.Command, request: curl.Request, comment: str
) -> str:
    expected = _EXPECTED.search(comment)
    name = _EXPECTED.sub("", comment) or f"{request.method} {_path(request.url)}"
    key = draft.key("smoke", name)
    draft.smoke_tests.append(
        facts.SmokeTest(
            key=key,
            line=command.start,
            name=name,
            method=request.method,
            url=redact(request.url),
            headers=tuple(request.headers),
            body=request.body,
            content_type=request.content_type,
            content_type_assumed=request.content_type_assumed,
            references=request.references,
            placeholders=request.placeholders,
            expected_status=int(expected["status"]) if expected else None,
            position=len(draft.smoke_tests) + 1,
        )
    )
    comment_lines = [command.comment_line] if command.comment_line else []
    draft.ledger.put([*comment_lines, *command.line_numbers], "smoke_test", key)
    return key


def _path(url: str) -> str:
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return url


def _add_shell_block(draft: Draft, block: Block, lines: list[str], role: facts.ShellRole) -> str:
    title = _title(draft)
    key = draft.key("shell", title)
    steps = _shell_steps(draft, key, lines, block.start + 1)
    draft.shell_blocks.append(
        facts.ShellBlock(key=key, line=block.start, title=title, role=role, steps=tuple(steps))
    )
    return key


def _shell_steps(
    draft: Draft, block_key: str, lines: list[str], first: int
) -> list[facts.ShellStep]:
    """The commands gathered under their comments; a comment without commands is a step too."""
    comments = {
        n: words for n, line in enumerate(lines, first) if (words := shell.comment_text(line))
    }
    groups: dict[int, list[str]] = {number: [] for number in comments}
    for command in shell.commands_of(lines, first):
        groups.setdefault(command.comment_line, []).append(shell.masked(command.text))
    path = [block_key.partition(":")[2]]
    return [
        facts.ShellStep(
            key=draft.keys.make("shell-step", path, comments.get(line) or commands[0]),
            line=line or first,
            title=comments.get(line, ""),
            commands=tuple(commands),
        )
        for line, commands in sorted(groups.items())
    ]


def _add_code(draft: Draft, block: Block, language: str, lines: list[str]) -> str:
    title = _title(draft)
    about_flags = any(_FLAG_WORDS.search(text) for text in draft.outline.texts)
    if about_flags and language not in _DATA:
        key = draft.key("flag-code", title)
        path = next(
            (found["path"] for line in lines[:3] if (found := _PATH_COMMENT.match(line))), ""
        )
        draft.flag_code.append(
            facts.FlagCode(key=key, line=block.start, title=title, language=language, path=path)
        )
        return key
    key = draft.key("code", title)
    draft.code_blocks.append(
        facts.CodeBlock(key=key, line=block.start, title=title, language=language)
    )
    return key
