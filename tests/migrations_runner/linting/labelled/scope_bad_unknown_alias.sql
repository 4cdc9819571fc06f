-- expect: unknown-table@3
-- catalog: world
UPDATE projects p SET title = 'x' WHERE projects.id = p.id;
