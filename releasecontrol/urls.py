"""Every address, on one page. The OFREP paths are answered before Django: see wsgi.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("releasecontrol.accounts.urls")),
    path("admin/", admin.site.urls),
]
