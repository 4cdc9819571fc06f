-- expect: clean
-- catalog: none
CREATE TABLE colours (code text PRIMARY KEY, name text NOT NULL);
INSERT INTO colours VALUES ('r', 'red'), ('g', 'green');
