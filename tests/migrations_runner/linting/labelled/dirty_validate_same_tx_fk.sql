-- expect: validated-in-same-transaction@5
-- catalog: none
BEGIN;
ALTER TABLE orders ADD CONSTRAINT orders_c_fk FOREIGN KEY (c) REFERENCES customers (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_c_fk;
COMMIT;
