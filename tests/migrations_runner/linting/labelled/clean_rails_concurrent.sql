-- expect: clean
-- catalog: none
CREATE INDEX CONCURRENTLY "index_orders_on_state" ON "orders" ("state");
