-- expect: truncate-cascade@3
-- catalog: none
TRUNCATE TABLE a, b RESTART IDENTITY CASCADE;
