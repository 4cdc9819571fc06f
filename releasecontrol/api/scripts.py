"""Stored scripts over the API, and what lint says of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from migrations_runner import linted
from migrations_runner.models import MigrationScript
from releasecontrol.api.auth import caller
from releases.models import Release, TargetDatabase

router = Router(tags=["scripts"])


class FindingOut(Schema):
    """A finding; `blocks` keeps the script from running, `allowed` is why it may stand."""

    rule: str = Field(alias="finding.rule")
    level: str = Field(alias="finding.level")
    line: int = Field(alias="finding.line")
    column: int = Field(alias="finding.column")
    message: str = Field(alias="finding.message")
    why: str = Field(alias="finding.why")
    safe_form: str = Field(alias="finding.safe_form")
    rewrite: str | None = Field(alias="finding.rewrite")
    allowed: str | None
    allowed_by: str = Field(alias="by")
    blocks: bool


class ScriptOut(Schema):
    """A script; `findings` is null where it was not asked for by name, so nobody looked."""

    id: int = Field(alias="script.pk")
    name: str = Field(alias="script.name")
    title: str = Field(alias="script.title")
    position: int = Field(alias="script.position")
    role: str = Field(alias="script.role")
    mode: str = Field(alias="script.mode")
    undo: bool = Field(alias="script.undo")
    awaits_file: bool = Field(alias="script.awaits_file")
    sha256: str = Field(alias="script.sha256")
    findings: list[FindingOut] | None


@dataclass(frozen=True)
class Told:
    """A script and what lint says of it."""

    script: MigrationScript
    findings: list[linted.Shown] | None = None


@router.get("/scripts", response=list[ScriptOut], operation_id="list_scripts")
def list_scripts(
    request: HttpRequest, release: str, name: str | None = None, target: str | None = None
) -> Any:
    """The scripts of a release in plan order; one by `name` comes with its findings.

    With `target` they are told by the tables that a worker last saw there.
    """
    caller(request).require("migrations_runner.view_migrationscript")
    scripts = get_object_or_404(Release, slug=release).scripts.select_related("release")
    seen = get_object_or_404(TargetDatabase, name=target) if target is not None else None
    if name is None:
        return [Told(script) for script in scripts]
    script = get_object_or_404(scripts, name=name)
    return [Told(script, linted.findings_of(script, seen))]
