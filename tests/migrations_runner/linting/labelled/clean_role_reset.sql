-- expect: clean
-- catalog: none
SET search_path = public;
ALTER TABLE orders ADD COLUMN memo text;
