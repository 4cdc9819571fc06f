-- expect: required-column-without-default@3
-- catalog: books
ALTER TABLE books ADD COLUMN language text NOT NULL;
