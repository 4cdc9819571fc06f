-- expect: foreign-key-without-index@3
-- catalog: books
ALTER TABLE books ADD CONSTRAINT books_parent_fk FOREIGN KEY (pages) REFERENCES settings (id) NOT VALID;
