-- expect: clean
-- catalog: books
SELECT count(*) FROM books WHERE account_id IS NULL;
