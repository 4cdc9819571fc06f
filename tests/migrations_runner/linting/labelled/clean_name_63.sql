-- expect: clean
-- catalog: none
CREATE INDEX CONCURRENTLY abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_123456789 ON orders (a);
