-- expect: key-builds-index@3
-- catalog: none
ALTER TABLE "shop_item" ADD CONSTRAINT "shop_item_sku_uniq" UNIQUE ("sku", "store_id");
