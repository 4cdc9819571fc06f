-- expect: clean
-- catalog: books
CREATE MATERIALIZED VIEW book_counts AS SELECT account_id, count(*) AS n FROM books GROUP BY account_id;
CREATE UNIQUE INDEX book_counts_key ON book_counts (account_id);
