-- expect: type-change-rewrites@3
-- catalog: books
ALTER TABLE books ALTER COLUMN price TYPE numeric(10,4);
