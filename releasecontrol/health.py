"""/healthz: is this process alive? /readyz: can it do its work?"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from flags import ruleset
from releases.models import Heartbeat

WORKER = "worker"


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when database, worker and ruleset are fine; 503 with the one that is not."""
    parts = {"database": _database(), "worker": _worker(), "ruleset": _ruleset()}
    ready = all(part["ok"] for part in parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return {"ok": False, "says": "the database does not answer"}
    return {"ok": True}


def _worker() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM clock_timestamp() - at) FROM"
                f" {Heartbeat._meta.db_table} WHERE name LIKE %s ORDER BY at DESC LIMIT 1",
                [f"{WORKER}%"],
            )
            row = cursor.fetchone()
    except DatabaseError:
        return {"ok": False, "says": "cannot tell: the database does not answer"}
    if row is None:
        return {"ok": False, "says": "no worker has reported yet: start manage.py worker"}
    age = round(float(row[0]), 1)
    return {"ok": age <= settings.WORKER_STALE_SECONDS, "heartbeat_age_seconds": age}


def _ruleset() -> dict[str, Any]:
    age = ruleset.age()
    if age is None:
        return {"ok": False, "says": "no ruleset was loaded yet"}
    return {"ok": age <= settings.WORKER_STALE_SECONDS, "age_seconds": round(age, 1)}
