from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db.models.signals import post_migrate


class AdminConfig(DjangoAdminConfig):
    """Django's admin, with our site as the default one."""

    default_site = "releasecontrol.site.ConsoleSite"


class ReleaseControlConfig(AppConfig):
    name = "releasecontrol"
    verbose_name = "Release Control"

    def ready(self) -> None:
        from releasecontrol import checks, people, reporting  # noqa: F401, PLC0415

        post_migrate.connect(people.ensure_roles_after_migrate, sender=self)
        reporting.start_sentry()
