-- expect: check-scans@3
-- catalog: none
ALTER TABLE orders ADD CHECK (total > 0);
