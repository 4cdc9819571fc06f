-- expect: clean
-- catalog: world
INSERT INTO sessions (user_id) SELECT id FROM accounts EXCEPT SELECT user_id FROM projects;
