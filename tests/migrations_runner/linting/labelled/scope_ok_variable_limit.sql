-- expect: clean
-- catalog: world
SELECT title FROM projects ORDER BY title LIMIT :n;
