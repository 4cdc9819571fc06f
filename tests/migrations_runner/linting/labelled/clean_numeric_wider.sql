-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN price TYPE numeric(12,2);
