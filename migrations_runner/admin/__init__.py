"""The runner's records in the admin. Django finds them by this package's name."""

from migrations_runner.admin import records, runs, scripts

__all__ = ["records", "runs", "scripts"]
