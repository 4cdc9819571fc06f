-- expect: arbitrary-row-as-key@4
-- catalog: world
INSERT INTO characters (id, user_id, name)
VALUES ('0b7e0b5e-0000-4000-8000-000000000001', (SELECT id FROM accounts LIMIT 1), 'x');
