-- expect: limited-varchar@3
-- catalog: books
ALTER TABLE accounts ADD COLUMN country varchar(2);
