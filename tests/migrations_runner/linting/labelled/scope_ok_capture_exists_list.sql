-- expect: clean
-- catalog: world
SELECT title FROM projects WHERE EXISTS (SELECT title FROM universes u WHERE u.id = projects.universe_id);
