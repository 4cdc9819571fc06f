-- expect: enum-value-used-at-once@3
-- catalog: books
ALTER TYPE book_status ADD VALUE 'archived' AFTER 'published';
UPDATE books SET status = 'archived'::book_status WHERE id = 7;
