-- 2 of 4: where a book or a character says which universe it is in. The columns may stay empty: the
-- old version of the application is still running and knows nothing of them.
-- A second run finds everything in place and changes nothing.

-- Adding an empty column without a default only writes the catalog; no row is rewritten.
ALTER TABLE projects ADD COLUMN IF NOT EXISTS universe_id uuid;
ALTER TABLE characters ADD COLUMN IF NOT EXISTS universe_id uuid;

-- What the links below point at: a universe together with its owner.
CREATE UNIQUE INDEX IF NOT EXISTS universes_id_account_id_key ON universes (id, account_id);

-- The link names the owner twice on purpose: a book of one account cannot be put into a universe of
-- another, not even by a script whose WHERE clause is wrong. NOT VALID spares the scan of rows that
-- were there before; new and changed rows are held to it from now on. Script 4 looks at the old ones.
-- PostgreSQL has no ADD CONSTRAINT IF NOT EXISTS, hence the look in the catalog.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'projects'::regclass
                 AND conname = 'projects_universe_of_owner_fkey') THEN
    ALTER TABLE projects ADD CONSTRAINT projects_universe_of_owner_fkey
      FOREIGN KEY (universe_id, user_id) REFERENCES universes (id, account_id) NOT VALID;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'characters'::regclass
                 AND conname = 'characters_universe_of_owner_fkey') THEN
    ALTER TABLE characters ADD CONSTRAINT characters_universe_of_owner_fkey
      FOREIGN KEY (universe_id, user_id) REFERENCES universes (id, account_id) NOT VALID;
  END IF;
END
$$;

-- The columns are still empty, so these hold writers up for one quick read of the table. On a table
-- of millions use CREATE INDEX CONCURRENTLY, a script of its own, as extra/020 shows.
CREATE INDEX IF NOT EXISTS projects_universe_id_idx ON projects (universe_id);
CREATE INDEX IF NOT EXISTS characters_universe_id_idx ON characters (universe_id);
