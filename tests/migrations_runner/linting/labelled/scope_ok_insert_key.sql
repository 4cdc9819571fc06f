-- expect: clean
-- catalog: world
INSERT INTO accounts (id, email, name) VALUES ('0b7e0b5e-0000-4000-8000-000000000001', 'a@example.org', 'A');
