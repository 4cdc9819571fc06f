"""The web process: protocol paths are answered before Django sees the request."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "releasecontrol.settings")

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

_django = get_wsgi_application()

from flags.api.ofrep import ofrep_app  # noqa: E402  (its models need the applications loaded)
from flags.api.unleash import PREFIX, unleash_app  # noqa: E402

# What is loaded by now stays: the collector need not walk through all of Django again and again,
# while somebody waits for a flag.
gc.freeze()


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/ofrep/"):
        return ofrep_app(environ, start_response)
    if environ["PATH_INFO"].startswith(PREFIX):
        return unleash_app(environ, start_response)
    return _django(environ, start_response)
