-- expect: outer-column-capture@3
-- catalog: world
DELETE FROM projects WHERE universe_id IN (SELECT universe_id FROM universes WHERE name = 'old');
