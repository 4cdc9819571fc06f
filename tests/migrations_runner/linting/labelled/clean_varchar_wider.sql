-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN isbn TYPE varchar(20);
