"""Addresses of rehearsals."""

from __future__ import annotations

from django.urls import path

from releasecontrol.rehearsals import views

urlpatterns = [
    path("rehearsals/<int:pk>/", views.rehearsal, name="rehearsal"),
    path("rehearsals/<int:pk>/cancel/", views.cancel, name="cancel-rehearsal"),
]
