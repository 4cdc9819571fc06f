-- expect: outer-column-capture@4
-- catalog: world
DELETE FROM projects
WHERE universe_id IN (SELECT id FROM universes WHERE user_id = :'user_id');
