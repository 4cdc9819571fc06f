-- expect: clean
-- catalog: none
REINDEX INDEX CONCURRENTLY orders_pkey;
