"""The stream process: server-sent events only. Pages and protocols are answered by wsgi.py."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "releasecontrol.settings")

import django

django.setup()

from flags.api.stream import stream_app  # noqa: E402  (its models need the applications loaded)

application = stream_app
