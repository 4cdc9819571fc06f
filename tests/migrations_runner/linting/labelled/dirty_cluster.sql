-- expect: cluster-rewrites-table@3
-- catalog: books
CLUSTER books USING books_account_id_idx;
