"""Addresses of signing in, signing out and inviting."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from releasecontrol.accounts import views

urlpatterns = [
    path("", views.front, name="front"),
    path("login/", views.Login.as_view(), name="login"),
    path("login/example/", views.be_example, name="login-example"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("people/invite/", views.invite, name="invite"),
    path(
        "invitation/<uidb64>/<token>/",
        views.AcceptInvitation.as_view(),
        name="accept-invitation",
    ),
]
