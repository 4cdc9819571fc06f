-- expect: unknown-table@3
-- catalog: world
DELETE FROM old.projects WHERE status = 'draft';
