-- expect: outer-column-capture@3
-- catalog: nothing
UPDATE projects SET universe_id = (SELECT id FROM universes WHERE user_id = projects.user_id);
