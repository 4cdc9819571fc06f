-- expect: rename-breaks-code@3
-- catalog: books
ALTER TYPE book_status RENAME VALUE 'draft' TO 'sketch';
