-- expect: clean
-- catalog: books
INSERT INTO settings (id, key, value) VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET value = EXCLUDED.value;
