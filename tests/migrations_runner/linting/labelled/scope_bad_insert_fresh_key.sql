-- expect: insert-without-conflict-key@3
-- catalog: world
INSERT INTO sessions (id, user_id) SELECT gen_random_uuid(), id FROM accounts;
