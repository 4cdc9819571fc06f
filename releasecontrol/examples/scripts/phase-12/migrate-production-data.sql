-- The data of 010 to 015, after all six of them. Serves all accounts at once; no variables.
-- A second run changes 0 rows; run it once more when the new version is live, for what the old one
-- wrote in between.

-- A default universe for everyone with a book or a character that is in none.
INSERT INTO universes (account_id, name, description, book_presets, tags)
SELECT owner.user_id, 'My Books', 'Default universe for existing books',
       jsonb_build_object('defaultAgeRange', '6-12', 'defaultTemplate', 'adventure'),
       ARRAY['default']
FROM (
  SELECT user_id FROM projects WHERE universe_id IS NULL
  UNION
  SELECT user_id FROM characters WHERE universe_id IS NULL
) AS owner
ON CONFLICT (account_id) WHERE 'default' = ANY (tags) DO NOTHING;

-- All rows of universes may be seconds old. Without statistics the planner takes the table for empty
-- and compares every book with every universe below.
ANALYZE universes;

-- Books, joined on the owner. What differs from the presets of the universe becomes the book's own.
UPDATE projects AS p
SET universe_id = u.id,
    presets = p.presets
      || CASE WHEN p.age_range IS DISTINCT FROM u.book_presets ->> 'defaultAgeRange'
         THEN jsonb_build_object('ageRange', p.age_range) ELSE '{}' END
      || CASE WHEN p.template IS DISTINCT FROM u.book_presets ->> 'defaultTemplate'
         THEN jsonb_build_object('template', p.template) ELSE '{}' END
FROM universes AS u
WHERE u.account_id = p.user_id
  AND 'default' = ANY (u.tags)
  AND p.universe_id IS NULL;

UPDATE characters AS c
SET universe_id = u.id
FROM universes AS u
WHERE u.account_id = c.user_id
  AND 'default' = ANY (u.tags)
  AND c.universe_id IS NULL;

INSERT INTO project_characters (project_id, character_id)
SELECT c.project_id, c.id FROM characters AS c WHERE c.project_id IS NOT NULL
ON CONFLICT (project_id, character_id) DO NOTHING;

-- Version 1 of every outline is an empty one, dated as the book, so that "take back" has an end.
INSERT INTO outline_versions (project_id, version, created_at)
SELECT p.id, 1, p.created_at FROM projects AS p
WHERE NOT EXISTS (SELECT FROM outline_versions AS o WHERE o.project_id = p.id)
ON CONFLICT (project_id, version) DO NOTHING;

-- The links of 013 only ask that the universe exists, not whose it is. So look, and undo all if not.
DO $$
BEGIN
  IF EXISTS (SELECT FROM projects AS p JOIN universes AS u ON u.id = p.universe_id
             WHERE u.account_id <> p.user_id)
  OR EXISTS (SELECT FROM characters AS c JOIN universes AS u ON u.id = c.universe_id
             WHERE u.account_id <> c.user_id) THEN
    RAISE EXCEPTION 'a book or a character is in the universe of another account';
  END IF;
END
$$;
