-- expect: clean
-- catalog: books
ANALYZE books;
