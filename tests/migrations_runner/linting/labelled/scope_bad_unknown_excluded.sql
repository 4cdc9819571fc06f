-- expect: unknown-column@4
-- catalog: world
INSERT INTO accounts (id, email, name) SELECT id, email, name FROM accounts ON CONFLICT (id)
DO UPDATE SET name = excluded.nickname;
