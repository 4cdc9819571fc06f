"""The example targets' URLs for processes that reach targets: workers, and settling by hand.

`make up` hands them to its children. A worker that a person starts by hand beside the embedded
server finds them here. Variables that are set win; with DATABASE_URL nothing is added.
"""

from __future__ import annotations

import os

from django.conf import settings


def export() -> None:
    """Put the embedded server's target URLs into this process's environment."""
    if not settings.EMBEDDED:
        return
    from releasecontrol import embedded  # noqa: PLC0415  (nothing embedded with DATABASE_URL)

    for variable, url in embedded.target_urls().items():
        os.environ.setdefault(variable, url)
