#!/usr/bin/env python
"""Django's command line, with wrong settings told in one line instead of a traceback."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "releasecontrol.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415  (after the setting)
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    from releasecontrol.embedded_home import EmbeddedFailed  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EmbeddedFailed) as wrong:
        sys.exit(f"Not started: {wrong}")


if __name__ == "__main__":
    main()
