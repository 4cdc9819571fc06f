-- expect: clean
-- catalog: books
ALTER TABLE books ALTER COLUMN account_id SET STATISTICS 1000;
