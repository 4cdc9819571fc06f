-- expect: clean
-- catalog: world
UPDATE assets SET user_id = (SELECT p.user_id FROM projects p WHERE p.id = assets.project_id LIMIT 1) WHERE type = 'cover';
