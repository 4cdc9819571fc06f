-- expect: wide-index@3
-- catalog: books
CREATE INDEX CONCURRENTLY books_wide ON books (account_id, title, isbn, price);
