-- expect: clean
-- catalog: world
DELETE FROM sessions a USING sessions b WHERE a.user_id = b.user_id AND a.created_at < b.created_at;
