-- expect: insert-without-conflict-key@3
-- catalog: world
INSERT INTO characters (id, user_id, name) VALUES (DEFAULT, '0b7e0b5e-0000-4000-8000-000000000001', 'Hero');
