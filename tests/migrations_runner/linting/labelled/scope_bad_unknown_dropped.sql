-- expect: unknown-column@4
-- catalog: world
ALTER TABLE projects DROP COLUMN template;
UPDATE projects SET title = template WHERE status = 'draft';
