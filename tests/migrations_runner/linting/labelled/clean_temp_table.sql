-- expect: clean
-- catalog: books
CREATE TEMP TABLE work AS SELECT id FROM books WHERE pages > 1000;
CREATE INDEX ON work (id);
UPDATE settings SET value = 'x' WHERE key IN (SELECT id::text FROM work);
DROP TABLE work;
