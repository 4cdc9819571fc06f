-- Manuscripts and notes, kept apart from the book they belong to. A new table: nobody waits for it,
-- except that its links take a short lock on accounts and projects.
-- As all of 010 to 015: one transaction, stop at the first error, a second run changes nothing.

CREATE TABLE IF NOT EXISTS documents (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  project_id uuid REFERENCES projects (id) ON DELETE SET NULL,
  kind text NOT NULL DEFAULT 'manuscript' CHECK (kind IN ('manuscript', 'note', 'brief')),
  title text NOT NULL CHECK (title <> ''),
  body text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- An account or a book that is deleted looks here; without these it would read the whole table.
CREATE INDEX IF NOT EXISTS documents_user_id_idx ON documents (user_id);
CREATE INDEX IF NOT EXISTS documents_project_id_idx ON documents (project_id);
