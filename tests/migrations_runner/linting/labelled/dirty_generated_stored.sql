-- expect: add-column-rewrites@3
-- catalog: books
ALTER TABLE books ADD COLUMN title_lower text GENERATED ALWAYS AS (lower(title)) STORED;
