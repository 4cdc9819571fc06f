-- expect: clean
-- catalog: books
CREATE INDEX CONCURRENTLY books_isbn_idx ON books (isbn);
