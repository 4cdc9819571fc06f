-- expect: validated-in-same-transaction@4
-- catalog: books
ALTER TABLE books ADD CONSTRAINT price_positive CHECK (price >= 0) NOT VALID;
ALTER TABLE books VALIDATE CONSTRAINT price_positive;
