-- expect: clean
-- catalog: books
ALTER TABLE books RENAME CONSTRAINT books_account_id_fkey TO books_account_fk;
