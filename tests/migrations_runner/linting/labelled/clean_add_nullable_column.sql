-- expect: clean
-- catalog: books
ALTER TABLE books ADD COLUMN subtitle text;
