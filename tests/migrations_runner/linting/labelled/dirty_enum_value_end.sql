-- expect: enum-value-order@3
-- catalog: books
ALTER TYPE book_status ADD VALUE 'archived';
