-- expect: clean
-- catalog: none
ALTER TABLE orders VALIDATE CONSTRAINT orders_c_not_null;
-- rc: allow drop-constraint: SET NOT NULL holds it now
ALTER TABLE orders ALTER COLUMN c SET NOT NULL, DROP CONSTRAINT orders_c_nn;
