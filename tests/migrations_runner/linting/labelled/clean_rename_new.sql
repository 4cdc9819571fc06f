-- expect: clean
-- catalog: none
CREATE TABLE a (id bigint PRIMARY KEY);
ALTER TABLE a RENAME TO b;
