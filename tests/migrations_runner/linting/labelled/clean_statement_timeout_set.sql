-- expect: clean
-- catalog: none
SET statement_timeout = '5min';
ANALYZE orders;
