-- expect: outer-column-capture@4
-- catalog: world
DELETE FROM characters
WHERE project_id NOT IN (SELECT project_id FROM projects);
