"""Reading settings from the environment: every wrong value is refused with an id and a hint.

An id (``releasecontrol.E001`` ...) is stable, so that a person can search for it in
``docs/settings.md``.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

HIGHEST_PORT = 65535


def wrong_setting(check_id: str, message: str, hint: str) -> ImproperlyConfigured:
    """The refusal for a setting that can't be used: id, what is wrong, what to do."""
    return ImproperlyConfigured(f"({check_id}) {message} Hint: {hint}")


def boolean(name: str, *, default: bool) -> bool:
    raw = os.environ.get(name, "").strip().lower()
    if raw == "":
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise wrong_setting(
        "releasecontrol.E001", f"{name}={raw!r} is not a yes or a no.", "write true or false."
    )


def number(name: str, *, default: int, at_least: int = 0, at_most: int | None = None) -> int:
    raw = os.environ.get(name, "").strip()
    if raw == "":
        return default
    if not raw.isascii() or not raw.isdigit():
        raise wrong_setting(
            "releasecontrol.E002", f"{name}={raw!r} is not a whole number.", "digits only."
        )
    value = int(raw)
    if value < at_least or (at_most is not None and value > at_most):
        bounds = f"{at_least} to {at_most}" if at_most is not None else f"{at_least} or more"
        raise wrong_setting("releasecontrol.E003", f"{name}={raw} is out of range.", f"{bounds}.")
    return value


def database(url: str) -> dict[str, object]:
    """Django's settings for a PostgreSQL URL; refuses any other engine."""
    try:
        parsed = environ.Env.db_url_config(url)
    except Exception as broken:
        raise _not_a_database() from broken
    if parsed.get("ENGINE") not in {
        "django.db.backends.postgresql",
        "django.db.backends.postgresql_psycopg2",
    }:
        raise _not_a_database()
    return dict(parsed, ENGINE="django.db.backends.postgresql")


def _not_a_database() -> ImproperlyConfigured:
    # The value is not shown: it usually holds a password.
    return wrong_setting(
        "releasecontrol.E004",
        "DATABASE_URL is not a PostgreSQL URL.",
        "postgresql://user:password@host:5432/name, or leave it out for the embedded server.",
    )


def web_address(name: str, *, default: str) -> str:
    """An http(s) address without a trailing slash."""
    raw = os.environ.get(name, "").strip() or default
    parts = urlsplit(raw)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong_setting(
            "releasecontrol.E005", f"{name}={raw!r} is not a web address.", "http://host:port."
        )
    return raw.rstrip("/")


def secret_key(var: Path) -> str:
    """SECRET_KEY, or one generated once per installation and kept readable by its owner only.

    Written under another name first and linked into place, so two processes that start together
    agree on one key and a crash leaves no half-written file.
    """
    given = os.environ.get("SECRET_KEY", "")
    if given:
        return given
    kept = var / "secret-key"
    if not kept.exists():
        var.mkdir(parents=True, exist_ok=True)
        draft = var / f"secret-key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(60))
        try:
            os.link(draft, kept)
        except FileExistsError:
            pass  # another process was first: its key is the one
        finally:
            draft.unlink()
    return kept.read_text()
