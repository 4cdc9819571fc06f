-- expect: drop-not-null@3
-- catalog: books
ALTER TABLE books ALTER COLUMN title DROP NOT NULL;
