"""All settings, read from the environment; ``.env.example`` lists every variable."""

from __future__ import annotations

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from releasecontrol.environment import (
    HIGHEST_PORT,
    boolean,
    database,
    number,
    secret_key,
    web_address,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var")
if (BASE_DIR / ".env").is_file():
    environ.Env.read_env(BASE_DIR / ".env")

# --- Where we stand -------------------------------------------------------------------------
PORT = number("PORT", default=8000, at_least=1, at_most=HIGHEST_PORT)
BASE_URL = web_address("BASE_URL", default=f"http://127.0.0.1:{PORT}")
STREAM_URL = web_address("STREAM_URL", default=f"http://127.0.0.1:{PORT + 1}")
#: The example installation shows its logins and lets one person try every role. Loopback only.
EXAMPLE = boolean("EXAMPLE", default=False)
HTTPS = boolean("HTTPS", default=False)
DEBUG = boolean("DEBUG", default=False)
ALLOWED_HOSTS = [
    host.strip()
    for host in os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
    if host.strip()
]
SECRET_KEY = secret_key(VAR_DIR)
RULESET_DIR = os.environ.get("RULESET_DIR") or str(VAR_DIR / "ruleset")

# --- Database: PostgreSQL everywhere --------------------------------------------------------
EMBEDDED = not os.environ.get("DATABASE_URL")


def _database_url() -> str:
    if not EMBEDDED:
        return os.environ["DATABASE_URL"]
    from releasecontrol import embedded  # noqa: PLC0415  (nothing embedded with DATABASE_URL)

    return embedded.database_url()


DATABASES = {
    "default": {
        **database(_database_url()),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Applications ---------------------------------------------------------------------------
INSTALLED_APPS = [
    "releasecontrol.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_q",
    "releases.apps.ReleasesConfig",
    "checklists.apps.ChecklistsConfig",
    "flags.apps.FlagsConfig",
    "migrations_runner.apps.MigrationsRunnerConfig",
    "monitoring.apps.MonitoringConfig",
    "releasecontrol.apps.ReleaseControlConfig",  # last: its roles name every app's permissions
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "releasecontrol.unreadable.RefuseUnreadableText",
]
ROOT_URLCONF = "releasecontrol.urls"
WSGI_APPLICATION = "releasecontrol.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "releasecontrol.context.console",
            ],
        },
    }
]

# --- People ---------------------------------------------------------------------------------
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "front"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Words, time, files ---------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = os.environ.get("TIME_ZONE") or "UTC"
USE_TZ = True
STATIC_URL = "/static/"
#: Set it for `collectstatic`; without it the files are served from where they lie.
STATIC_ROOT = os.environ.get("STATIC_ROOT") or None
STATICFILES_DIRS = [BASE_DIR / "releasecontrol" / "assets"]
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024  # so that a 10 MB plan meets our refusal, in words

# --- Safe by default ------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, STREAM_URL],
        "form-action": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if boolean("TRUST_X_FORWARDED_PROTO", default=False)
    else None
)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []

# --- Background work: a task is a poke with a row id, see docs/adr ---------------------------
Q_CLUSTER = {
    "name": "releasecontrol",
    "label": "Worker queue",
    "orm": "default",
    "workers": number("WORKERS", default=2, at_least=1, at_most=64),
    # The lease of a task starts when it is fetched, so nothing may wait in a local queue.
    "queue_limit": 1,
    "bulk": 1,
    # Rows in our own database with a doorbell, which does the waiting.
    "broker_class": "releasecontrol.queue_broker.Broker",
    "poll": 0,
    # No limit to speak of: a run is guarded by its heartbeat and its target's statement_timeout. A
    # task that is delivered again finds its run claimed or done, and does nothing.
    "timeout": 30 * 24 * 3600,
    "retry": 91 * 24 * 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "recycle": 500,
    "catch_up": False,
    "scheduler": False,
}
#: Seconds without a heartbeat after which a run, or the worker itself, counts as gone.
RUN_STALE_SECONDS = number("RUN_STALE_SECONDS", default=10, at_least=2)
RUN_LOCK_SECONDS = number("RUN_LOCK_SECONDS", default=300)
RUN_REHEARSAL_FACTOR = number("RUN_REHEARSAL_FACTOR", default=10, at_least=2)
RUN_PATIENCE_SECONDS = number("RUN_PATIENCE_SECONDS", default=3600)
#: Milliseconds that the data-safety checks of one run may take, all together.
SAFETY_BUDGET_MS = number("SAFETY_BUDGET_MS", default=2000)
WORKER_STALE_SECONDS = number("WORKER_STALE_SECONDS", default=30, at_least=5)
#: Old rows for a row-exact undo stay on their target so long.
UNDO_KEEP_DAYS = number("UNDO_KEEP_DAYS", default=30, at_least=1)
#: A database larger than this is rehearsed on its schema and a sample of its rows.
REHEARSAL_MAX_BYTES = number("REHEARSAL_MAX_BYTES", default=2 * 1024**3)
REHEARSAL_SAMPLE_ROWS = number("REHEARSAL_SAMPLE_ROWS", default=10_000, at_least=1)
#: Where dumps of targets are written; it has to exist, readable by the worker's user alone.
BACKUP_DIR = os.environ.get("BACKUP_DIR", "")
BACKUP_FRESH_HOURS = number("BACKUP_FRESH_HOURS", default=24, at_least=1)
BACKUP_KEEP = number("BACKUP_KEEP", default=3, at_least=1)
BACKUP_KEEP_DAYS = number("BACKUP_KEEP_DAYS", default=30)

# --- Flags: how often one token may ask one process, a second; and how much at once -----------
FLAG_RATE = number("FLAG_RATE", default=50_000, at_least=1)
FLAG_BURST = number("FLAG_BURST", default=50_000, at_least=1)

# --- What we say about ourselves ------------------------------------------------------------
SENTRY_DSN = os.environ.get("SENTRY_DSN", "")
SENTRY_ENVIRONMENT = os.environ.get("SENTRY_ENVIRONMENT", "release-control")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "releases.redaction.RedactingFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["redact"],
        }
    },
    # Each poke and canary would be a line of its own; our own words about them are enough.
    "loggers": {"django-q": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL") or "INFO"},
}
