-- expect: clean
-- catalog: none
DROP VIEW IF EXISTS totals;
CREATE VIEW totals AS SELECT 1 AS n;
