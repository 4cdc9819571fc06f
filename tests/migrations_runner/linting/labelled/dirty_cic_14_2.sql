-- expect: concurrent-index-corruption@3
-- catalog: old
CREATE INDEX CONCURRENTLY books_isbn_idx ON books (isbn);
