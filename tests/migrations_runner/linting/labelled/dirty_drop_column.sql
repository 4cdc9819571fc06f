-- expect: drop-destroys-data@3
-- catalog: books
ALTER TABLE books DROP COLUMN isbn;
