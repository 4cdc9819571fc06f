-- expect: key-builds-index@3
-- catalog: books
ALTER TABLE books ADD COLUMN slug text UNIQUE;
