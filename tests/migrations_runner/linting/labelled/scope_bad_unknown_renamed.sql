-- expect: unknown-column@4
-- catalog: world
ALTER TABLE projects RENAME COLUMN template TO layout;
UPDATE projects SET template = 'x' WHERE status = 'draft';
