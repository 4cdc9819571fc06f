-- expect: clean
-- catalog: world
CREATE TEMP TABLE todo (id uuid);
INSERT INTO todo SELECT id FROM projects;
