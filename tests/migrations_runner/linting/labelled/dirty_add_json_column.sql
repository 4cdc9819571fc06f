-- expect: json-column@3
-- catalog: books
ALTER TABLE books ADD COLUMN extra json;
