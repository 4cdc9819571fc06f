-- expect: clean
-- catalog: none
CREATE EXTENSION IF NOT EXISTS pg_trgm;
