-- expect: clean
-- catalog: books
UPDATE settings SET value = 'DELETE FROM books; -- CREATE INDEX' WHERE key = 'help';
