-- expect: unquoted-variable@3
-- catalog: world
DELETE FROM sessions WHERE user_id IN (:one);
