-- expect: clean
-- catalog: world
WITH RECURSIVE days (d) AS (SELECT date '2026-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < '2026-01-09')
SELECT d, (SELECT count(*) FROM projects WHERE projects.created_at::date = days.d) FROM days;
