-- expect: check-scans@3
-- catalog: books
ALTER TABLE books ADD COLUMN weight numeric CHECK (weight > 0);
