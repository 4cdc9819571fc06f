"""The SQL of a pre- or post-migration check: one SELECT that answers one number. Pure."""

from __future__ import annotations

import hashlib

from migrations_runner.naming import within
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from releases.refusals import Refused

_CHANGES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "IntoClause"})


class NotASelect(Refused):
    """A check is one SELECT that reads and answers one number."""


def refuse_unless_select(sql: str) -> None:
    """Raises NotASelect. What a function does inside it, the read-only transaction refuses."""
    try:
        script = parse_script(sql, {})
    except ScriptRefused as wrong:
        raise NotASelect(wrong.message) from None
    if len(script.statements) != 1 or script.statements[0].kind != "SELECT":
        kinds = ", ".join(each.kind for each in script.statements)
        raise NotASelect(f"This is: {kinds}.")
    inside = {type(node).__name__ for node in within(script.statements[0].node)}
    if inside & _CHANGES:
        raise NotASelect("This one writes.")
    if "LockingClause" in inside:
        raise NotASelect("This one locks rows; take FOR … out.")


def digest(sql: str) -> str:
    """The SHA-256 of a check's text, in hexadecimal: which question was it that was answered?"""
    return hashlib.sha256(sql.encode()).hexdigest()
