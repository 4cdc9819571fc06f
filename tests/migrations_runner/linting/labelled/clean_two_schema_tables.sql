-- expect: clean
-- catalog: books
CREATE TABLE x.a (id bigint PRIMARY KEY);
CREATE TABLE x.b (id bigint PRIMARY KEY, a_id bigint);
CREATE INDEX b_a ON x.b (a_id);
ALTER TABLE x.b ADD CONSTRAINT b_fk FOREIGN KEY (a_id) REFERENCES x.a (id);
