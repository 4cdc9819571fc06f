-- expect: unknown-column@3
-- catalog: world
UPDATE projects SET universe = NULL WHERE status = 'draft';
