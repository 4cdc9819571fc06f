-- expect: concurrent-if-not-exists@3
-- catalog: books
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS books_isbn_key ON books (isbn);
