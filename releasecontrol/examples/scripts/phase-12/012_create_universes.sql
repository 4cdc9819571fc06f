-- The table of universes. An account owns a universe through account_id; books and characters call
-- the same person user_id. Mixing the two up is how data reaches the wrong tenant.

CREATE TABLE IF NOT EXISTS universes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (name <> ''),
  description text NOT NULL DEFAULT '',
  book_presets jsonb NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS universes_account_id_idx ON universes (account_id);

-- One default per account, whatever its owner renames it to: the data migration relies on it.
CREATE UNIQUE INDEX IF NOT EXISTS universes_one_default_per_account
  ON universes (account_id) WHERE 'default' = ANY (tags);
