-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN title TYPE text;
