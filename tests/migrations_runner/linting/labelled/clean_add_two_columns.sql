-- expect: clean
-- catalog: none
ALTER TABLE orders ADD COLUMN a text, ADD COLUMN b bigint DEFAULT 0;
