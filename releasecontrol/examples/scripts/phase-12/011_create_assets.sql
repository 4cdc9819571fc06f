-- The application has known assets by name since its first day. What it lacks is where their files
-- are: one row a stored file, so that an illustration can have several sizes.

CREATE TABLE IF NOT EXISTS asset_files (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  asset_id uuid NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
  storage_key text NOT NULL CHECK (storage_key <> ''),
  media_type text NOT NULL,
  byte_size bigint NOT NULL CHECK (byte_size >= 0),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The same file under the same key is one row, however often an upload is retried.
CREATE UNIQUE INDEX IF NOT EXISTS asset_files_one_per_key ON asset_files (asset_id, storage_key);
