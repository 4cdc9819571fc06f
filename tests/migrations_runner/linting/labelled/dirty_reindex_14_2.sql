-- expect: concurrent-index-corruption@3
-- catalog: old
REINDEX INDEX CONCURRENTLY books_pkey;
