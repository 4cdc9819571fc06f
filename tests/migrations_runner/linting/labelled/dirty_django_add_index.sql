-- expect: index-blocks-writes@4
-- catalog: none
BEGIN;
CREATE INDEX "shop_order_created_idx" ON "shop_order" ("created");
COMMIT;
