-- expect: arbitrary-row-as-key@3
-- catalog: world
UPDATE assets SET project_id = coalesce(project_id, (SELECT id FROM projects LIMIT 1)) WHERE type = 'cover';
