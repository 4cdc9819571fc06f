-- expect: unknown-column@3
-- catalog: world
UPDATE projects SET title = upper(titel) WHERE status = 'draft';
