-- expect: unquoted-variable@3
-- catalog: world
UPDATE projects SET status = 'archived' WHERE user_id = :user_id;
