-- expect: clean
-- catalog: books
ALTER TABLE books ADD CONSTRAINT books_acc2 FOREIGN KEY (account_id) REFERENCES accounts (id) NOT VALID;
