-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN title SET NOT NULL;
