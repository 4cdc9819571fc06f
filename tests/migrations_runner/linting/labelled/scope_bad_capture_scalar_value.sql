-- expect: outer-column-capture@4
-- catalog: world
UPDATE projects SET universe_id =
  (SELECT universe_id FROM universes WHERE universes.account_id = projects.user_id AND 'default' = ANY (tags));
