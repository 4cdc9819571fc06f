"""The rows of what a plan wants to be run: scripts and smoke tests. Pure."""

from __future__ import annotations

from releasecontrol.plan.facts import Plan, ScriptFile, SmokeTest, SqlBlock
from releasecontrol.plan.keys import slug
from releasecontrol.plan.row import Row, clip

_AFTER_FILES = 1000  # blocks written out in the plan stand behind the files that it names
_ROLES = {"schema": "schema", "data": "data", "rollback": "rollback", "check": "data"}


def draft_name(block: SqlBlock) -> str:
    """The file name of SQL that is written out in the plan."""
    title = slug(block.title).encode("ascii", "ignore").decode().strip("-")
    return f"plan-block-{block.position}-{title[:60] or 'untitled'}.sql"


def script_rows(plan: Plan) -> list[Row]:
    rows: dict[str, Row] = {}
    for file in plan.script_files:
        # Two folders may hold a file of the same name; the second goes by its path.
        name = file.name if file.name not in rows else file.path
        rows.setdefault(name, _script_file(file, clip(name, 200)))
    for block in plan.sql_blocks:
        rows[draft_name(block)] = _draft(block)
    return list(rows.values())


def _script_file(file: ScriptFile, name: str) -> Row:
    return Row(
        key=name,
        label=file.path,
        line=file.line,
        fields={
            "name": name,
            "path": clip(file.path, 500),
            "title": "",
            "role": _ROLES[file.role],
            "position": file.position,
            "source_line": file.line,
        },
    )


def _draft(block: SqlBlock) -> Row:
    return Row(
        key=draft_name(block),
        label=block.title,
        line=block.line,
        fields={
            "name": draft_name(block),
            "path": "",
            "title": clip(block.title, 200),
            "role": "draft",
            "position": _AFTER_FILES + block.position,
            "text": block.sql,
            "source_line": block.line,
        },
    )


def smoke_test_row(test: SmokeTest) -> Row:
    headers = dict(test.headers)
    if test.content_type_assumed:
        headers["Content-Type"] = test.content_type
    return Row(
        key=test.key,
        label=test.name,
        line=test.line,
        fields={
            "key": test.key,
            "name": clip(test.name, 200),
            "position": test.position,
            "method": test.method,
            "url": test.url,  # a shortened address would be another one: too long is refused
            "headers": headers,
            "body": test.body,
            "expected_status": str(test.expected_status or "2xx"),
            "notes": _assumptions(test),
            "source_line": test.line,
        },
    )


def _assumptions(test: SmokeTest) -> list[str]:
    notes = []
    if test.content_type_assumed:
        notes.append(
            f"The body is JSON and no header says so: Content-Type {test.content_type} was assumed."
        )
    if test.expected_status is None:
        notes.append("The plan names no status: any 2xx counts as success.")
    if test.references:
        names = ", ".join(f"${name}" for name in test.references)
        notes.append(f"Needs the variable {names} where it runs.")
    if test.placeholders:
        notes.append(f"Stands for a real value, fill it in: {', '.join(test.placeholders)}.")
    return notes
