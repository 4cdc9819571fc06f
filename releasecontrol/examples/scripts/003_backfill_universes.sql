-- 3 of 4: a default universe for everyone who has something to put into it, and the links.
-- Serves all accounts at once; it takes no variable, so there is none to forget or to misquote.
-- A second run changes 0 rows. Run it again after the new version is live: it then picks up what the
-- old version wrote in between.

-- UNION also serves accounts that have characters and no book. Accounts without content get no
-- universe: there is nothing to migrate for them, the application makes one with their first book.
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

-- Joined on the owner, every column with its table in front of it: a bare user_id in a subquery on
-- universes would silently mean the user_id of the book itself, and any universe would do.
UPDATE projects AS p
SET universe_id = u.id
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

-- Counting empty links would call a wrong link fine. These stop the script and undo all of it.
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
