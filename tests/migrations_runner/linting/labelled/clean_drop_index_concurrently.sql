-- expect: clean
-- catalog: none
DROP INDEX CONCURRENTLY IF EXISTS old_idx;
