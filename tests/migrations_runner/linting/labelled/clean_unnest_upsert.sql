-- expect: clean
-- catalog: books
INSERT INTO settings (id, key) SELECT n, 'k' || n FROM generate_series(1, 3) AS n ON CONFLICT (id) DO NOTHING;
