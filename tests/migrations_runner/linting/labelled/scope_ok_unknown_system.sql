-- expect: clean
-- catalog: world
DELETE FROM projects WHERE ctid IN (SELECT ctid FROM projects WHERE status = 'draft' LIMIT 10);
SELECT relname FROM pg_class WHERE relkind = 'r';
