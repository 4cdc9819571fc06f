-- expect: add-column-rewrites@3
-- catalog: none
ALTER TABLE lots ADD COLUMN seen timestamptz DEFAULT clock_timestamp();
