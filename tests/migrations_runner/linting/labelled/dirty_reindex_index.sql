-- expect: reindex-blocks-writes@3
-- catalog: none
REINDEX INDEX books_pkey;
