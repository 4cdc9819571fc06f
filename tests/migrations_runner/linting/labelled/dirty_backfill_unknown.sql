-- expect: backfill-in-schema-transaction@5 whole-table-write@5
-- catalog: none
BEGIN;
ALTER TABLE orders ADD COLUMN total_cents bigint;
UPDATE orders SET total_cents = total * 100;
COMMIT;
