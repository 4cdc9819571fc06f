-- expect: clean
-- catalog: world
UPDATE projects SET user_id = (SELECT id FROM accounts WHERE email = 'a@example.org' LIMIT 1) WHERE title = 'x';
