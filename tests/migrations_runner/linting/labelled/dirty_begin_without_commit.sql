-- expect: transaction-control@3
-- catalog: none
BEGIN;
ALTER TABLE books ADD COLUMN note text;
