-- expect: clean
-- catalog: books
ALTER TABLE books DROP CONSTRAINT books_price_check;
ALTER TABLE books ADD CONSTRAINT books_price_check CHECK (price > 0) NOT VALID;
