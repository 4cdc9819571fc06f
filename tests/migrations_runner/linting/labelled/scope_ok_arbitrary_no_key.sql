-- expect: clean
-- catalog: world
UPDATE projects SET title = (SELECT name FROM accounts WHERE accounts.created_at < projects.created_at LIMIT 1) WHERE status = 'draft';
