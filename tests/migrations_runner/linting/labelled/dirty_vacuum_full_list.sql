-- expect: vacuum-full-rewrites-table@3
-- catalog: none
VACUUM (FULL, ANALYZE) orders;
