-- expect: clean
-- catalog: world
UPDATE characters
SET universe_id = (
  SELECT id FROM universes
  WHERE account_id = characters.user_id
  AND name = 'My Books'
  LIMIT 1
)
WHERE universe_id IS NULL
AND user_id = :'user_id';
