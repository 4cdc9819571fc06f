-- expect: default-changes@3
-- catalog: none
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
