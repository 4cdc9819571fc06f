-- expect: transaction-control@4
-- catalog: none
BEGIN;
DROP INDEX CONCURRENTLY i;
COMMIT;
