"""Addresses of migration runs."""

from __future__ import annotations

from django.urls import path

from releasecontrol.runs import views

urlpatterns = [
    path("releases/<slug:slug>/runs/", views.release_runs, name="release-runs"),
    path("releases/<slug:slug>/runs/queue/", views.queue, name="queue-run"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/progress/", views.progress, name="run-progress"),
    path("runs/<int:pk>/cancel/", views.cancel, name="cancel-run"),
]
