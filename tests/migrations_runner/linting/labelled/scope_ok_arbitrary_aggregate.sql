-- expect: clean
-- catalog: world
UPDATE assets SET project_id = (SELECT max(p.id::text)::uuid FROM projects p WHERE p.user_id = assets.user_id) WHERE project_id IS NULL;
