-- expect: clean
-- catalog: none
VACUUM (ANALYZE) orders;
