-- expect: clean
-- catalog: world
UPDATE projects AS p SET universe_id = u.id FROM universes AS u
WHERE u.account_id = p.user_id AND 'default' = ANY (u.tags) AND p.universe_id IS NULL;
