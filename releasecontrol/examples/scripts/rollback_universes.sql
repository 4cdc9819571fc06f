-- Takes back 001 to 004: afterwards `public` is as it was before them. First turn the flag off and
-- deploy the version that knows no universes; then run this in one transaction.
-- Books and characters lose only their link. What people made of their universes since is not
-- thrown away: it goes to the schema set_aside, under the time of this rollback.
-- A second run finds nothing to take back.

-- Keeps what a query finds, if it finds anything. A table or column that was never made has nothing.
CREATE OR REPLACE FUNCTION pg_temp.set_aside(what text, query text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  found_any boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (%s)', query) INTO found_any;
  IF found_any THEN
    CREATE SCHEMA IF NOT EXISTS set_aside;
    EXECUTE format('CREATE TABLE set_aside.%I AS %s', what ||
      to_char(now() AT TIME ZONE 'UTC', '_YYYYMMDD_HH24MISS_US'), query);
  END IF;
EXCEPTION
  WHEN undefined_table OR undefined_column THEN
    RAISE NOTICE 'nothing to set aside for %', what;
END
$$;

-- Is a universe just as the script made it?
CREATE OR REPLACE FUNCTION pg_temp.untouched(
  name text, description text, book_presets jsonb, tags text[]
) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$
  SELECT name = 'My Books' AND description = 'Default universe for existing books'
    AND book_presets = '{"defaultAgeRange": "6-12", "defaultTemplate": "adventure"}'
    AND tags = ARRAY['default']
$$;

-- From the first look to the last drop nobody may add what would then be missed. Taken in one go and
-- at full strength: raising a lock half way is how two transactions come to wait for each other.
LOCK TABLE projects, characters IN ACCESS EXCLUSIVE MODE;

SELECT pg_temp.set_aside('universes', $$
  SELECT u.* FROM universes AS u
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);
SELECT pg_temp.set_aside('project_links', $$
  SELECT p.id, p.universe_id FROM projects AS p JOIN universes AS u ON u.id = p.universe_id
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);
SELECT pg_temp.set_aside('character_links', $$
  SELECT c.id, c.universe_id FROM characters AS c JOIN universes AS u ON u.id = c.universe_id
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);

-- Constraints and indexes on a column go with it.
ALTER TABLE projects DROP COLUMN IF EXISTS universe_id;
ALTER TABLE characters DROP COLUMN IF EXISTS universe_id;

-- Not CASCADE: if somebody has built on universes since, this stops and takes nothing back.
DROP TABLE IF EXISTS universes;
