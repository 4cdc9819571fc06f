-- 1 of 4: the table of universes. Nothing reads it yet, so the running application is not touched.
-- Run it in one transaction that stops at the first error: psql -X -1 -v ON_ERROR_STOP=1 -f FILE.
-- A second run finds everything in place and changes nothing.

CREATE TABLE IF NOT EXISTS universes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (name <> ''),
  description text NOT NULL DEFAULT '',
  book_presets jsonb NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The owner comes first in every question the application asks, and a deleted account looks here.
CREATE INDEX IF NOT EXISTS universes_account_id_idx ON universes (account_id);

-- One default per account, whatever its owner renames it to. Script 3 leans on this: it is the
-- conflict its INSERT avoids, and the promise that its join meets one row and not "any row".
CREATE UNIQUE INDEX IF NOT EXISTS universes_one_default_per_account
  ON universes (account_id) WHERE 'default' = ANY (tags);
