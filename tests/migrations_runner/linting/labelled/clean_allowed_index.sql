-- expect: clean
-- catalog: books
-- rc: allow index-blocks-writes: at night, nobody writes
CREATE INDEX books_isbn_idx ON books (isbn);
