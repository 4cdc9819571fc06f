-- expect: clean
-- catalog: world
SELECT title FROM :"tables" ORDER BY :"by";
