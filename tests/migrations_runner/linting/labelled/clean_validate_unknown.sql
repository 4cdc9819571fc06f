-- expect: clean
-- catalog: none
ALTER TABLE orders VALIDATE CONSTRAINT total_ok;
