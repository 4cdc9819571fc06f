"""Addresses of the list of releases, the board and the tick board."""

from __future__ import annotations

from django.urls import path

from releasecontrol.board import item_views, views

urlpatterns = [
    path("releases/", views.releases, name="releases"),
    path("releases/<slug:slug>/", views.show, name="board"),
    path("releases/<slug:slug>/live/", views.live, name="board-live"),
    path("releases/<slug:slug>/move/", views.move, name="move-release"),
    path("releases/<slug:slug>/move/<slug:to>/", views.ending, name="end-release"),
    path("releases/<slug:slug>/sign-off/<int:gate>/", views.sign_off, name="sign-off"),
    path("releases/<slug:slug>/dial/<int:state>/", views.dial, name="dial"),
    path("dials/<int:state>/kill/", views.kill, name="kill"),
    path("releases/<slug:slug>/checklist/", item_views.tick_board, name="tick-board"),
    path("releases/<slug:slug>/checklist/changes/", item_views.changes, name="tick-changes"),
    path("releases/<slug:slug>/checklist/add/", item_views.add, name="add-item"),
    path("releases/<slug:slug>/checklist/<int:pk>/", item_views.item, name="item"),
    path("releases/<slug:slug>/checklist/<int:pk>/<slug:verb>/", item_views.act, name="item-act"),
]
