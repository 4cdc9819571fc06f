-- expect: clean
-- catalog: books
CREATE TABLE reviews (id bigint PRIMARY KEY, book_id bigint NOT NULL REFERENCES books (id));
CREATE INDEX reviews_book_idx ON reviews (book_id);
