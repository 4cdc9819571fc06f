-- expect: outer-column-capture@4
-- catalog: world
DELETE FROM sessions s USING accounts a
WHERE a.id = s.user_id AND s.id IN (SELECT project_id FROM projects JOIN characters c USING (user_id) WHERE part = part);
