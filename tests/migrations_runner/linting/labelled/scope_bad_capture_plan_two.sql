-- expect: outer-column-capture@7 arbitrary-row-as-key@5
-- catalog: world
-- Link existing books without universe_id to default universe
UPDATE projects
SET universe_id = (
  SELECT id FROM universes
  WHERE user_id = projects.user_id
  AND name = 'My Books'
  LIMIT 1
)
WHERE universe_id IS NULL
AND user_id = :'user_id';
