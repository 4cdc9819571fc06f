"""The stock JavaScript clients, as package-lock.json pins them, installed once into var/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOCKED = Path(__file__).parent / "js"
VAR = Path(__file__).resolve().parents[2] / "var"
INSTALL_SECONDS = 100
NOT_THERE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")


def project() -> Path:
    """Return a folder in which node finds the clients; skips where they can't be had."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not here, so the JavaScript clients are not tried")
    locks = [LOCKED / "package.json", LOCKED / "package-lock.json"]
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:12]
    home = VAR / f"conformance-js-{digest}"
    if not (home / "installed").exists():
        _install(home, locks)
    return home


def _install(home: Path, locks: list[Path]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for lock in locks:
        shutil.copy(lock, home)
    words = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            words, cwd=home, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(
            f"npm ci took over {INSTALL_SECONDS} s, so the JavaScript clients are not tried"
        )
    if done.returncode and any(word in done.stderr for word in NOT_THERE):
        pytest.skip("the npm registry does not answer, so the JavaScript clients are not tried")
    assert done.returncode == 0, done.stderr
    (home / "installed").touch()


def bundled(home: Path, source: Path, **globals_: str) -> str:
    """Return a module and all it imports as one script for a browser."""
    banner = "".join(f"globalThis.{name} = {value};" for name, value in globals_.items())
    words = [
        *(str(home / "node_modules" / ".bin" / "esbuild"), str(source), "--bundle"),
        *("--jsx=automatic", "--log-level=warning", f"--banner:js={banner}"),
    ]
    done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stderr, file=sys.stderr)
    return done.stdout
