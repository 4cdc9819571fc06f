-- expect: clean
-- catalog: world
SELECT a.title FROM projects a JOIN projects b ON a.title = b.title AND a.id <> b.id;
