-- What is in which universe, and who appears in which book.

-- A new column without a default is empty in every row, so its link has nothing to look through and
-- is valid at once; and if the column is there already, its link is too.
ALTER TABLE projects ADD COLUMN IF NOT EXISTS universe_id uuid REFERENCES universes (id);
ALTER TABLE characters ADD COLUMN IF NOT EXISTS universe_id uuid REFERENCES universes (id);
ALTER TABLE documents ADD COLUMN IF NOT EXISTS universe_id uuid REFERENCES universes (id);

-- The columns are empty: each of these is one quick read.
CREATE INDEX IF NOT EXISTS projects_universe_id_idx ON projects (universe_id);
CREATE INDEX IF NOT EXISTS characters_universe_id_idx ON characters (universe_id);
CREATE INDEX IF NOT EXISTS documents_universe_id_idx ON documents (universe_id);

-- A character used to be in one book at most. In a universe it wanders.
CREATE TABLE IF NOT EXISTS project_characters (
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  character_id uuid NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, character_id)
);
CREATE INDEX IF NOT EXISTS project_characters_character_id_idx
  ON project_characters (character_id);
