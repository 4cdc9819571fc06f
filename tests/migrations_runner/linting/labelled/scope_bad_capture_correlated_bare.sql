-- expect: outer-column-capture@4
-- catalog: world
SELECT title FROM projects WHERE EXISTS (
  SELECT FROM universes WHERE account_id = user_id);
