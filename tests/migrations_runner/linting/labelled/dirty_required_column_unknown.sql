-- expect: required-column-without-default@3
-- catalog: none
ALTER TABLE people ADD COLUMN name text NOT NULL;
