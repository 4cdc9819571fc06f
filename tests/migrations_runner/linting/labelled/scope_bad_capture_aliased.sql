-- expect: outer-column-capture@5
-- catalog: world
UPDATE projects AS p SET title = 'x'
WHERE EXISTS (SELECT FROM universes AS u
  WHERE user_id = p.user_id);
