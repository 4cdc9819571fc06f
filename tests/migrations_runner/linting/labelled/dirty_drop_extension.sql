-- expect: drop-breaks-code@3
-- catalog: none
DROP EXTENSION pg_trgm;
