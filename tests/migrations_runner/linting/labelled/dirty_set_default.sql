-- expect: default-changes@3
-- catalog: books
ALTER TABLE books ALTER COLUMN status SET DEFAULT 'draft';
