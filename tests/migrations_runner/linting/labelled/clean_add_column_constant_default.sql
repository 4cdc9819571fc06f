-- expect: clean
-- catalog: books
ALTER TABLE books ADD COLUMN featured boolean NOT NULL DEFAULT false;
