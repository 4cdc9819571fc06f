-- expect: clean
-- catalog: none
CREATE TABLE p (a text, b text GENERATED ALWAYS AS (lower(a)) STORED);
