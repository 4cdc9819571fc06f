-- expect: clean
-- catalog: world
CREATE TABLE kinds (name text);
INSERT INTO kinds (name) VALUES ('cover'), ('audio');
