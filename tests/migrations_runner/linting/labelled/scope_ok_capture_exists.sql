-- expect: clean
-- catalog: world
DELETE FROM assets a WHERE NOT EXISTS (SELECT 1 FROM projects p WHERE p.id = a.project_id);
