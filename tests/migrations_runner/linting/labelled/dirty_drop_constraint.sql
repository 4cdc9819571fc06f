-- expect: drop-constraint@3
-- catalog: books
ALTER TABLE books DROP CONSTRAINT books_account_id_fkey;
