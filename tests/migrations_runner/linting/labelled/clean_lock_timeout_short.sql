-- expect: clean
-- catalog: none
SET lock_timeout = '100ms';
ALTER TABLE orders ADD COLUMN note text;
