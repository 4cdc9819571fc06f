-- expect: clean
-- catalog: books
REINDEX TABLE CONCURRENTLY books;
