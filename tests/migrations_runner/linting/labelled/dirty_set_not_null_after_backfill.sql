-- expect: large-change-at-once@3 set-not-null-scans@4
-- catalog: books
UPDATE books SET isbn = 'none' WHERE isbn IS NULL;
ALTER TABLE books ALTER COLUMN isbn SET NOT NULL;
