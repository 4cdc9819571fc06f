-- expect: name-too-long@3
-- catalog: none
CREATE INDEX CONCURRENTLY index_on_customers_orders_by_status_and_created_at_for_monthly_report ON orders (a);
