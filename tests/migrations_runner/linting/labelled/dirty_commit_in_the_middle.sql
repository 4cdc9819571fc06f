-- expect: transaction-control@4
-- catalog: none
ALTER TABLE books ADD COLUMN note text;
COMMIT;
ALTER TABLE books ADD COLUMN more text;
