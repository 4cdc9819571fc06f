-- expect: outer-column-capture@5
-- catalog: world
UPDATE characters SET universe_id = NULL
WHERE EXISTS (
  SELECT 1 FROM universes WHERE project_id IS NULL AND name = 'x');
