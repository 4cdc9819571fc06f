-- An index for "my newest books", built while people write. CONCURRENTLY cannot run inside a
-- transaction, so neither can this file: psql -X -v ON_ERROR_STOP=1 -f FILE, without -1.

-- A build that was cut short leaves an index that is marked invalid and never used. IF NOT EXISTS
-- would take that one for done, so what is there goes first.
DROP INDEX CONCURRENTLY IF EXISTS projects_newest_idx;

CREATE INDEX CONCURRENTLY projects_newest_idx ON projects (user_id, created_at DESC);
