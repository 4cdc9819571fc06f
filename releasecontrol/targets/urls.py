"""Addresses of target databases."""

from __future__ import annotations

from django.urls import path

from releasecontrol.targets import views

urlpatterns = [
    path("targets/", views.every, name="targets"),
    path("targets/<slug:name>/", views.target, name="target"),
    path("targets/<slug:name>/test/", views.test, name="test-target"),
    path("targets/<slug:name>/hold/", views.hold, name="hold-target"),
    path("targets/<slug:name>/lift/", views.lift, name="lift-hold"),
    path("targets/<slug:name>/findings/<int:pk>/accept/", views.accept, name="accept-finding"),
    path("targets/<slug:name>/backup/", views.take_backup, name="take-backup"),
    path("targets/<slug:name>/attest/", views.attest, name="attest-backup"),
    path("targets/<slug:name>/forget/", views.forget, name="forget-identity"),
]
