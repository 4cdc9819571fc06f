from __future__ import annotations

from django.apps import AppConfig


class MigrationsRunnerConfig(AppConfig):
    name = "migrations_runner"
    verbose_name = "SQL migrations"
