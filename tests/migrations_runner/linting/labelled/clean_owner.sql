-- expect: clean
-- catalog: books
CREATE TABLE z (id bigint PRIMARY KEY);
ALTER TABLE z OWNER TO CURRENT_USER;
