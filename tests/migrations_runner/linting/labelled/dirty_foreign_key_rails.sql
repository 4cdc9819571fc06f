-- expect: foreign-key-scans@3
-- catalog: books
ALTER TABLE chapters ADD CONSTRAINT fk_rails_1
  FOREIGN KEY (book_id) REFERENCES books (id);
