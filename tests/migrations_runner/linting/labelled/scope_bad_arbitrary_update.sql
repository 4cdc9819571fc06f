-- expect: arbitrary-row-as-key@3
-- catalog: world
UPDATE projects SET universe_id = (SELECT id FROM universes WHERE name = 'My Books' LIMIT 1) WHERE universe_id IS NULL;
