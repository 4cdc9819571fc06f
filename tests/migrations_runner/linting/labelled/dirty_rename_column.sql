-- expect: rename-breaks-code@3
-- catalog: books
ALTER TABLE books RENAME COLUMN title TO name;
