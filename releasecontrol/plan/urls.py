"""Addresses of importing a plan, making a blank release and attaching files."""

from __future__ import annotations

from django.urls import path

from releasecontrol.plan import views

urlpatterns = [
    path("releases/import/", views.import_plan, name="import-plan"),
    path("releases/new/", views.new_release, name="new-release"),
    path("releases/<slug:slug>/scripts/attach/", views.attach_scripts, name="attach-scripts"),
]
