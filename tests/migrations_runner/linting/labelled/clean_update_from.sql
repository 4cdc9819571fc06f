-- expect: clean
-- catalog: books
UPDATE settings s SET value = a.plan FROM accounts a WHERE a.email = s.key;
