-- expect: clean
-- catalog: world
UPDATE projects SET title = title WHERE status = 'draft';
