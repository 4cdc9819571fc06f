-- expect: clean
-- catalog: world
UPDATE projects SET universe_id = (SELECT u.id FROM universes u WHERE u.account_id = projects.user_id ORDER BY u.created_at, u.id LIMIT 1) WHERE universe_id IS NULL;
