import django.core.validators
from django.db import migrations, models


def tighten(apps, schema_editor):
    """The old default let every request wait three seconds; nobody chose it."""
    apps.get_model("releases", "TargetDatabase").objects.filter(stall_budget_ms=3000).update(
        stall_budget_ms=200
    )


class Migration(migrations.Migration):
    dependencies = [("releases", "0002_append_only_timeline")]

    operations = [
        migrations.RenameField("targetdatabase", "lock_timeout_ms", "stall_budget_ms"),
        migrations.AlterField(
            "targetdatabase",
            "stall_budget_ms",
            models.PositiveIntegerField(
                default=200,
                help_text="No request waits longer than this behind a run, in milliseconds.",
            ),
        ),
        migrations.RunPython(tighten, migrations.RunPython.noop),
    ]
