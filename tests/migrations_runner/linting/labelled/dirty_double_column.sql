-- expect: duplicate-assignment@3
-- catalog: none
INSERT INTO orders (id, state, state) VALUES (1, 'a', 'b') ON CONFLICT (id) DO NOTHING;
