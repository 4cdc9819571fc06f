-- expect: exclusion-builds-index@3
-- catalog: books
ALTER TABLE books ADD CONSTRAINT no_overlap EXCLUDE USING gist (title WITH =);
