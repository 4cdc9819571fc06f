"""The timeline is append-only: the database itself refuses to change or delete an event."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION releases_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline is append-only: event % stays as it is', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON releases_event
    FOR EACH ROW EXECUTE FUNCTION releases_event_is_append_only();
"""
BACKWARD = """
DROP TRIGGER event_append_only ON releases_event;
DROP FUNCTION releases_event_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("releases", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
