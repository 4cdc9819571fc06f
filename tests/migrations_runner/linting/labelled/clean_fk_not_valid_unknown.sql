-- expect: clean
-- catalog: none
ALTER TABLE orders ADD CONSTRAINT o_c FOREIGN KEY (c) REFERENCES customers (id) NOT VALID;
