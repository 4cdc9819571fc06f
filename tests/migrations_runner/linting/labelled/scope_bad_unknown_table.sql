-- expect: unknown-table@3
-- catalog: world
DELETE FROM project WHERE status = 'draft';
