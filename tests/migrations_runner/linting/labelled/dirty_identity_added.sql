-- expect: add-column-rewrites@3
-- catalog: books
ALTER TABLE chapters ADD COLUMN nr bigint GENERATED ALWAYS AS IDENTITY;
