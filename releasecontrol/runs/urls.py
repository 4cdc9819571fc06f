"""Addresses of migration runs."""

from __future__ import annotations

from django.urls import path

from releasecontrol.runs import acting, views

urlpatterns = [
    path("releases/<slug:slug>/runs/", views.release_runs, name="release-runs"),
    path("releases/<slug:slug>/runs/queue/", views.queue, name="queue-run"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/progress/", views.progress, name="run-progress"),
    path("runs/<int:pk>/approve/", acting.approve, name="approve-run"),
    path("runs/<int:pk>/withdraw/", acting.withdraw, name="withdraw-approval"),
    path("runs/<int:pk>/rehearse/", acting.rehearse, name="rehearse-run"),
    path("runs/<int:pk>/pause/", acting.pause, name="pause-run"),
    path("runs/<int:pk>/resume/", acting.resume, name="resume-run"),
    path("runs/<int:pk>/settle/", acting.settle, name="settle-run"),
    path("runs/<int:pk>/undo/", acting.take_back, name="undo-run"),
    path("runs/<int:pk>/cancel/", views.cancel, name="cancel-run"),
]
