-- expect: truncate-cascade@3
-- catalog: books
TRUNCATE accounts CASCADE;
