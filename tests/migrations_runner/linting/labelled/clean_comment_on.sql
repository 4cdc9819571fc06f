-- expect: clean
-- catalog: books
COMMENT ON COLUMN books.isbn IS 'DROP TABLE books; is not run here';
