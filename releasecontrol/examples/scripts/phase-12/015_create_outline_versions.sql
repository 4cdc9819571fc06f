-- Every saved outline of a book, so that an edit can be taken back.

CREATE TABLE IF NOT EXISTS outline_versions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  outline jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Two people who save at once cannot both have made version 7. Also serves "the latest of a book".
CREATE UNIQUE INDEX IF NOT EXISTS outline_versions_one_per_number
  ON outline_versions (project_id, version);
