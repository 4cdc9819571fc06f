-- expect: clean
-- catalog: books
ALTER TABLE books ADD CONSTRAINT price_ok CHECK (price >= 0) NOT VALID;
