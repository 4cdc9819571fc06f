-- expect: clean
-- catalog: world
SELECT (SELECT upper(title)) FROM projects;
