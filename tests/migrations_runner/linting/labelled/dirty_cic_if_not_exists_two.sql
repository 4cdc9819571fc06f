-- expect: concurrent-if-not-exists@3 concurrent-if-not-exists@4
-- catalog: none
CREATE INDEX CONCURRENTLY IF NOT EXISTS a_idx ON a (x);
CREATE INDEX CONCURRENTLY IF NOT EXISTS b_idx ON b (x);
