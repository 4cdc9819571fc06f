-- expect: replaces-what-is-used@3
-- catalog: books
CREATE OR REPLACE VIEW published_books AS SELECT id, title FROM books WHERE published IS NOT NULL;
