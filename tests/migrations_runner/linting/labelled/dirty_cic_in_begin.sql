-- expect: transaction-control@4
-- catalog: none
BEGIN;
CREATE INDEX CONCURRENTLY i ON orders (a);
COMMIT;
