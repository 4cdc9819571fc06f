-- expect: clean
-- catalog: books
CREATE UNIQUE INDEX CONCURRENTLY accounts_lower_email ON accounts (lower(email));
