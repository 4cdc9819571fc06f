-- expect: clean
-- catalog: books
CREATE TABLE readers (book_id bigint REFERENCES books (id), account_id uuid, PRIMARY KEY (book_id, account_id));
