-- expect: outer-column-capture@6
-- catalog: world
SELECT title FROM projects WHERE id IN (
  SELECT project_id FROM assets WHERE user_id IN (
    SELECT id FROM accounts
    WHERE project_id = assets.project_id));
