-- expect: check-scans@3
-- catalog: books
ALTER TABLE books ADD CONSTRAINT price_positive CHECK (price >= 0);
