-- expect: index-blocks-writes@4 exclusive-lock-kept@4
-- catalog: books
ALTER TABLE books ADD COLUMN slug text;
CREATE INDEX books_slug_idx ON books (slug);
