-- expect: clean
-- catalog: world
WITH firsts AS (SELECT user_id, min(created_at) AS at FROM projects GROUP BY user_id)
UPDATE accounts SET created_at = firsts.at FROM firsts WHERE firsts.user_id = accounts.id;
