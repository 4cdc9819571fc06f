-- expect: script-lifts-limits@3
-- catalog: none
SET LOCAL statement_timeout TO 0;
ANALYZE books;
