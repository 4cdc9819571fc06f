-- expect: clean
-- catalog: world
DO $$ BEGIN EXECUTE 'ALTER TABLE projects ADD COLUMN extra int'; END $$;
UPDATE projects SET extra = 1 WHERE extra IS NULL;
