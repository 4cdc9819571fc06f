-- expect: clean
-- catalog: none
CREATE INDEX CONCURRENTLY o_idx ON orders (a, b, c);
