-- expect: clean
-- catalog: books
ALTER TABLE accounts ADD COLUMN seen timestamptz NOT NULL DEFAULT now();
