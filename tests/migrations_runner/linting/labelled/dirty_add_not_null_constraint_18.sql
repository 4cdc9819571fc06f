-- expect: set-not-null-scans@3
-- catalog: books
ALTER TABLE books ADD CONSTRAINT books_isbn_nn NOT NULL isbn;
