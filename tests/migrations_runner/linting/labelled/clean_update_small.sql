-- expect: clean
-- catalog: books
UPDATE settings SET value = 'on' WHERE key = 'beta';
