-- expect: insert-without-conflict-key@3
-- catalog: world
INSERT INTO universes (account_id, name) SELECT id, 'My Books' FROM accounts;
