"""Addresses of smoke tests."""

from __future__ import annotations

from django.urls import path

from releasecontrol.smoke import views

urlpatterns = [
    path("releases/<slug:slug>/smoke/", views.smoke_tests, name="smoke"),
    path("releases/<slug:slug>/smoke/<int:pk>/run/", views.run_one, name="run-smoke-test"),
]
