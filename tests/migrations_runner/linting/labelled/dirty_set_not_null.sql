-- expect: set-not-null-scans@3
-- catalog: books
ALTER TABLE books ALTER COLUMN isbn SET NOT NULL;
