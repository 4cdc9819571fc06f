-- expect: clean
-- catalog: world
INSERT INTO accounts (email, name) VALUES ('a@example.org', 'A');
