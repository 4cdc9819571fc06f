-- expect: unknown-column@3
-- catalog: world
INSERT INTO accounts (id, mail) VALUES ('0b7e0b5e-0000-4000-8000-000000000001', 'a@b') ON CONFLICT DO NOTHING;
