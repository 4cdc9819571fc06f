-- expect: clean
-- catalog: world
SELECT p.title, c.n FROM projects p
CROSS JOIN LATERAL (SELECT count(*) AS n FROM characters WHERE characters.project_id = p.id) c;
