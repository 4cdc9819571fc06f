-- expect: clean
-- catalog: books
UPDATE settings SET value = (ARRAY['a','b'])[1:2]::text WHERE key = 'k';
