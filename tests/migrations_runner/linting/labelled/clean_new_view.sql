-- expect: clean
-- catalog: books
CREATE VIEW short_books AS SELECT id, title FROM books WHERE pages < 100;
