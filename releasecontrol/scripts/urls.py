"""Addresses of one script."""

from __future__ import annotations

from django.urls import path

from releasecontrol.scripts import views

urlpatterns = [
    path("scripts/<int:pk>/", views.script, name="script"),
    path("scripts/<int:pk>/edit/", views.edit, name="edit-script"),
    path("scripts/<int:pk>/check/", views.check, name="check-script"),
    path("scripts/<int:pk>/allow/", views.allow, name="allow-rule"),
    path("scripts/<int:pk>/disallow/", views.disallow, name="disallow-rule"),
    path(
        "scripts/<int:pk>/versions/<int:before>/<int:after>/",
        views.comparison,
        name="compare-versions",
    ),
]
