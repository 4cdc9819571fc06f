-- expect: foreign-key-without-index@5
-- catalog: books
CREATE TABLE reviews (
  id bigint PRIMARY KEY,
  book_id bigint NOT NULL REFERENCES books (id),
  stars int
);
