from __future__ import annotations

from django.urls import path

from releasecontrol.status import views

urlpatterns = [
    path("status/", views.index, name="status-index"),
    path("status/<slug:slug>.json", views.as_json, name="status-json"),
    path("status/<slug:slug>/", views.page, name="status"),
]
