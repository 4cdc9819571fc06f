"""Every address, on one page. The OFREP paths are answered before Django: see wsgi.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from releasecontrol import health
from releasecontrol.api.root import api

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/v1/", api.urls),
    path("", include("releasecontrol.accounts.urls")),
    path("", include("releasecontrol.plan.urls")),
    path("", include("releasecontrol.rehearsals.urls")),
    path("", include("releasecontrol.runs.urls")),
    path("", include("releasecontrol.scripts.urls")),
    path("", include("releasecontrol.smoke.urls")),
    path("", include("releasecontrol.status.urls")),
    path("", include("releasecontrol.targets.urls")),
    # Last: /releases/<slug>/ must not take /releases/import/ and /releases/new/.
    path("", include("releasecontrol.board.urls")),
    path("admin/", admin.site.urls),
]
