-- expect: clean
-- catalog: world
INSERT INTO universes (account_id, name, tags) SELECT id, 'My Books', ARRAY['default'] FROM accounts
ON CONFLICT (account_id) WHERE 'default' = ANY (tags) DO NOTHING;
