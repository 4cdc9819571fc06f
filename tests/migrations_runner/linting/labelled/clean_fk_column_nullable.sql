-- expect: clean
-- catalog: none
ALTER TABLE orders ADD COLUMN coupon_id bigint REFERENCES coupons (id);
