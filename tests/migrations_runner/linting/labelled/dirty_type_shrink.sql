-- expect: type-change-rewrites@3
-- catalog: books
ALTER TABLE books ALTER COLUMN title TYPE varchar(100);
