-- expect: outer-column-capture@3
-- catalog: world
UPDATE projects SET title = 'x' WHERE title IS NOT DISTINCT FROM projects.title;
