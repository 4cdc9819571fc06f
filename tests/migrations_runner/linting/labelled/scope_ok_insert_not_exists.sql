-- expect: clean
-- catalog: world
INSERT INTO universes (account_id, name) SELECT a.id, 'My Books' FROM accounts a
WHERE NOT EXISTS (SELECT FROM universes u WHERE u.account_id = a.id);
