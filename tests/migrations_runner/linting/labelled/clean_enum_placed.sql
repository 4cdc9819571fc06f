-- expect: clean
-- catalog: books
ALTER TYPE book_status ADD VALUE IF NOT EXISTS 'lost' AFTER 'draft';
