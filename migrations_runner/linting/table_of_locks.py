"""The rules about indexes, constraints and columns: what keeps others waiting. Pure."""

from __future__ import annotations

from migrations_runner.linting.hazards import columns, constraints, indexes
from migrations_runner.linting.rules import Rule

_DROP = ("DropStmt",)
_TABLE = ("AlterTableStmt",)
_WAITING = "ACCESS EXCLUSIVE keeps everybody out for as long as the table is read through."
_PROVE = "CHECK (… IS NOT NULL) NOT VALID, VALIDATE in another transaction, then SET NOT NULL."

LOCKS: tuple[Rule, ...] = (
    # --- indexes -----------------------------------------------------------------------------
    Rule(
        "index-blocks-writes",
        "warning",
        ("IndexStmt",),
        indexes.create_blocks_writes,
        "CREATE INDEX holds a SHARE lock until it is built: every write waits.",
        "CREATE INDEX CONCURRENTLY; the runner sends it outside a transaction and checks that it"
        " is valid. Partitioned: ON ONLY, then each partition concurrently, then ATTACH.",
    ),
    Rule(
        "drop-index-blocks",
        "warning",
        _DROP,
        indexes.drop_blocks,
        "DROP INDEX takes ACCESS EXCLUSIVE on the table, and queues everybody behind it.",
        "DROP INDEX CONCURRENTLY.",
    ),
    Rule(
        "reindex-blocks-writes",
        "warning",
        ("ReindexStmt",),
        indexes.reindex_blocks,
        "REINDEX keeps writers out until it is done.",
        "REINDEX … CONCURRENTLY.",
    ),
    Rule(
        "cluster-rewrites-table",
        "warning",
        ("ClusterStmt",),
        indexes.cluster_rewrites,
        _WAITING,
        "pg_repack, in a quiet hour.",
    ),
    Rule(
        "vacuum-full-rewrites-table",
        "warning",
        ("VacuumStmt",),
        indexes.vacuum_full_rewrites,
        _WAITING,
        "VACUUM without FULL, or pg_repack.",
    ),
    Rule(
        "concurrent-if-not-exists",
        "warning",
        ("IndexStmt",),
        indexes.concurrent_if_not_exists,
        "A failed CONCURRENTLY leaves an index that is not valid; a unique one enforces nothing.",
        "DROP INDEX CONCURRENTLY IF EXISTS first, then CREATE without IF NOT EXISTS.",
    ),
    Rule(
        "concurrent-index-corruption",
        "warning",
        ("IndexStmt", "ReindexStmt"),
        indexes.corrupting_version,
        "PostgreSQL 14.0 to 14.3 can leave rows out of an index built beside writers.",
        "Update the server to 14.4 or later first.",
    ),
    Rule(
        "wide-index",
        "advice",
        ("IndexStmt",),
        indexes.wide,
        "It costs every write, and a prefix of it would most often do.",
        "Up to three columns; INCLUDE for the rest.",
    ),
    # --- constraints -------------------------------------------------------------------------
    Rule(
        "foreign-key-scans",
        "warning",
        _TABLE,
        constraints.foreign_key_scans,
        "Both tables are held in SHARE ROW EXCLUSIVE while every row is looked up.",
        "NOT VALID, then VALIDATE CONSTRAINT in another transaction.",
    ),
    Rule(
        "foreign-key-scans",
        "warning",
        _TABLE,
        columns.column_reference_scans,
        "A new column with a default has a value to look up in every row, under the lock.",
        "Add the column without REFERENCES, then the key NOT VALID, then VALIDATE.",
    ),
    Rule(
        "check-scans",
        "warning",
        _TABLE,
        constraints.check_scans,
        _WAITING,
        "NOT VALID, then VALIDATE CONSTRAINT in another transaction.",
    ),
    Rule(
        "check-scans",
        "warning",
        _TABLE,
        columns.column_check_scans,
        _WAITING,
        "Add the column without CHECK, then the constraint NOT VALID, then VALIDATE.",
    ),
    Rule(
        "validated-in-same-transaction",
        "warning",
        _TABLE,
        constraints.validated_at_once,
        "Locks last to the end of the transaction, so NOT VALID has won nothing.",
        "VALIDATE CONSTRAINT in a script of its own.",
    ),
    Rule(
        "set-not-null-scans",
        "warning",
        _TABLE,
        constraints.set_not_null_scans,
        _WAITING,
        f"{_PROVE} From PostgreSQL 18 also ADD CONSTRAINT … NOT NULL … NOT VALID.",
    ),
    Rule(
        "key-builds-index",
        "warning",
        _TABLE,
        constraints.key_builds_index,
        "The key's index is built under ACCESS EXCLUSIVE.",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.",
    ),
    Rule(
        "key-builds-index",
        "warning",
        _TABLE,
        columns.column_key_builds_index,
        "The key's index is built under ACCESS EXCLUSIVE.",
        "Add the column alone, build the index CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.",
    ),
    Rule(
        "primary-key-on-nullable",
        "warning",
        _TABLE,
        constraints.primary_key_on_nullable,
        "A primary key makes its columns NOT NULL, which reads the table under the lock.",
        _PROVE,
    ),
    Rule(
        "exclusion-builds-index",
        "warning",
        _TABLE,
        constraints.exclusion_builds_index,
        "EXCLUDE can neither be NOT VALID nor take over an index.",
        "A new table that has it from the start, filled in batches.",
    ),
    # --- columns -----------------------------------------------------------------------------
    Rule(
        "add-column-rewrites",
        "warning",
        _TABLE,
        columns.add_column_rewrites,
        "A value that differs by row must be written into every row, under ACCESS EXCLUSIVE.",
        "Add the column without it, set the default for new rows, fill the old ones in batches.",
    ),
    Rule(
        "required-column-without-default",
        "warning",
        _TABLE,
        columns.required_without_default,
        "NOT NULL without a default has nothing to put into the rows that are there.",
        "Give a constant default, or add it nullable, fill it in batches, then SET NOT NULL.",
    ),
    Rule(
        "type-change-rewrites",
        "warning",
        _TABLE,
        columns.type_change_rewrites,
        "All rows and all indexes on them are written anew under ACCESS EXCLUSIVE.",
        "A new column, written by a trigger, filled in batches, then swapped by name.",
    ),
    Rule(
        "drop-not-null",
        "advice",
        _TABLE,
        columns.drop_not_null,
        "Code that never met NULL here may fail on the first one.",
        "Let code that can read NULL go live first.",
    ),
    Rule(
        "default-changes",
        "advice",
        _TABLE,
        columns.default_changes,
        "Code that relies on the default gets another value, or none.",
        "Let code that names the value go live first.",
    ),
)
