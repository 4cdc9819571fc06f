"""Where code names flags, and what follows from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from flags.core.specs import FlagSpec, PrerequisiteSpec
from flags.lifecycle.baked import dotenv
from flags.lifecycle.scanning import NoSuchFolder, Place, scan
from flags.models import Flag
from releases import evidence
from releases.models import Environment, Verdict


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.ts").write_text(
        'import { client } from "./flags";\n'
        'if (await client.getBooleanValue("universe-v2", false)) {}\n'
        "const old = client.getBooleanValue('gone-flag', true);\n"
        "const share = import.meta.env.VITE_UNIVERSE_V2_ROLLOUT_PERCENTAGE;\n"
        "// universe-v2 without quotes is prose\n"
    )
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text('isEnabled("universe-v2")')
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\x00'universe-v2'")
    return tmp_path


def test_a_flag_is_named_between_quotes_or_as_its_variable(code: Path) -> None:
    found = scan(code, ["universe-v2", "other"])
    assert found.places == {"universe-v2": [Place("src/app.ts", 2), Place("src/app.ts", 4)]}
    assert found.unknown == {"gone-flag": [Place("src/app.ts", 3)]}
    assert (found.files, found.unread) == (2, [])


def test_what_cannot_be_read_is_told(code: Path) -> None:
    (code / "big.js").write_text("x" * 2_000_001)
    assert scan(code, ["universe-v2"]).unread == ["big.js"]
    with pytest.raises(NoSuchFolder):
        scan(code / "nowhere", [])


def test_the_command_keeps_what_it_saw_with_the_flag(
    universe: Flag, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("scan_flags", str(code))
    said = capsys.readouterr().out
    assert "universe-v2: named in 2 lines" in said
    assert "src/app.ts:2" in said
    assert "gone-flag: asked for, but no flag of this name exists" in said
    seen = evidence.latest(universe)
    assert seen is not None
    assert (seen.verdict, seen.numbers["lines"]) == (Verdict.FAIL, 2)
    (code / "src" / "app.ts").unlink()
    call_command("scan_flags", str(code), "--json")
    assert json.loads(capsys.readouterr().out)["flags"]["universe-v2"]["count"] == 0
    seen = evidence.latest(universe)
    assert seen is not None
    assert seen.verdict == Verdict.PASS


def test_ci_can_refuse_code_that_asks_in_vain(universe: Flag, code: Path) -> None:
    with pytest.raises(CommandError) as failed:
        call_command("scan_flags", str(code), "--check", "--no-record")
    assert failed.value.returncode == 1
    (code / "src" / "app.ts").write_text('isEnabled("universe-v2")')
    call_command("scan_flags", str(code), "--check", "--no-record")
    Flag.objects.update(archived_at=timezone.now())
    with pytest.raises(CommandError):
        call_command("scan_flags", str(code), "--check", "--no-record")
    assert evidence.latest(universe) is None


def test_a_path_that_is_not_there_is_bad_input(db: None) -> None:
    with pytest.raises(CommandError) as failed:
        call_command("scan_flags", "/nowhere/at/all")
    assert failed.value.returncode == 2


# --- Out and in ---------------------------------------------------------------------------------
def test_a_file_goes_out_and_in_by_command(
    universe: Flag,
    staging: Environment,
    production: Environment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("turn_dial", "universe-v2", environment="staging", to="12.5", reason="x")
    capsys.readouterr()
    call_command("export_flags", "--environment", "staging")
    file = tmp_path / "flags.json"
    file.write_text(capsys.readouterr().out)
    given = (str(file), "--environment", "production", "--reason", "moved")
    call_command("import_flags", *given, "--dry-run")
    assert "Dial: 0 % → 12.5 %." in capsys.readouterr().out
    call_command("import_flags", *given)
    assert "1 flags on Production. Imported." in capsys.readouterr().out
    call_command("export_flags", "--environment", "production", "--format", "dotenv")
    assert capsys.readouterr().out.endswith(
        "VITE_ENABLE_UNIVERSE_V2=true\nVITE_UNIVERSE_V2_ROLLOUT_PERCENTAGE=12.5\n"
    )


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 5000, '{"release_control_flags": 7}'])
def test_a_file_that_is_none_is_refused(staging: Environment, tmp_path: Path, text: str) -> None:
    file = tmp_path / "flags.json"
    file.write_text(text)
    with pytest.raises(CommandError) as failed:
        call_command("import_flags", str(file), "--environment", "staging", "--reason", "x")
    assert failed.value.returncode == 2


def test_a_flag_that_is_not_there_is_named(staging: Environment) -> None:
    with pytest.raises(CommandError, match="No flag nothing on Staging"):
        call_command("export_flags", "nothing", "--environment", "staging")


def test_a_bundle_is_told_what_it_cannot_follow() -> None:
    killed = FlagSpec("x", "x", enabled=True, killed=True, dial=0, off_variant="off", variants=())
    hung = FlagSpec(
        "y",
        "y",
        enabled=False,
        killed=False,
        dial=100_000,
        off_variant="off",
        variants=(),
        requires=(PrerequisiteSpec("x"),),
    )
    text = dotenv([killed, hung], environment="production", revision=7, prefix="")
    assert "ENABLE_X=false\nX_ROLLOUT_PERCENTAGE=0\n" in text
    assert "# y also has rules, overrides or prerequisites: not in here.\nENABLE_Y=false\n" in text
