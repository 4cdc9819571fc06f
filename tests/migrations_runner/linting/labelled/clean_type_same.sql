-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN pages TYPE integer;
