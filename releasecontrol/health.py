"""/healthz: is this process alive? /readyz: can it do its work?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from flags.serving import disk, ruleset
from releases.models import Heartbeat

WORKER = "worker"
_TO_DO = (
    "Another generation answers if there is one. Restart a web process while the database answers: "
    "it writes the ruleset anew. If that does not help, see whether the disk is full and whether "
    "all processes have the same SECRET_KEY."
)


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when database, worker and ruleset are fine; 503 with the one that is not.

    ``kept`` tells of what lies on disk for a start without the database; it does not count, since
    this process answers without it.
    """
    parts = {"database": _database(), "worker": _worker(), "ruleset": _ruleset()}
    ready = all(part["ok"] for part in parts.values())
    parts["kept"] = _kept()
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
        newest = (
            Heartbeat.objects.filter(name__startswith=WORKER)
            .annotate(age=Now() - F("at"))
            .order_by("-at")
            .first()
        )
    except DatabaseError:
        return {"ok": False, "says": "cannot tell: the database does not answer"}
    if newest is None:
        return {"ok": False, "says": "no worker has reported yet: start manage.py worker"}
    age = round(newest.age.total_seconds(), 1)
    return {"ok": age <= settings.WORKER_STALE_SECONDS, "heartbeat_age_seconds": age}


def _ruleset() -> dict[str, Any]:
    age = ruleset.age()
    if age is None:
        return {"ok": False, "says": "no ruleset was loaded yet"}
    told = {"ok": age <= settings.WORKER_STALE_SECONDS, "age_seconds": round(age, 1)}
    return {**told, "says": "the one kept on disk"} if ruleset.is_from_disk() else told


def _kept() -> dict[str, Any]:
    refused = disk.refusals(Path(settings.RULESET_DIR))
    told = "; ".join(refused)
    return {"ok": False, "says": f"{told}. {_TO_DO}"} if refused else {"ok": True}
