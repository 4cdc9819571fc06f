-- expect: insert-without-conflict-key@3
-- catalog: world
INSERT INTO universes (account_id, name) VALUES ('0b7e0b5e-0000-4000-8000-000000000001', 'My Books');
