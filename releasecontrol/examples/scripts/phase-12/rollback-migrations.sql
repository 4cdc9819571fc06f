-- Takes back the data migration and 015 to 010: afterwards `public` is as it was before 010. First
-- turn the flag off and deploy the old version; then run this in one transaction.
-- Books, characters and assets lose only what the scripts added. What people wrote since goes to the
-- schema set_aside, under the time of this rollback, and is not thrown away.
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
LOCK TABLE projects, characters, assets IN ACCESS EXCLUSIVE MODE;

SELECT pg_temp.set_aside('documents', 'SELECT d.* FROM documents AS d');
SELECT pg_temp.set_aside('asset_files', 'SELECT f.* FROM asset_files AS f');
SELECT pg_temp.set_aside('outline_versions', $$
  SELECT o.* FROM outline_versions AS o WHERE o.version > 1 OR o.outline <> '{}' $$);
SELECT pg_temp.set_aside('project_characters', $$
  SELECT x.* FROM project_characters AS x JOIN characters AS c ON c.id = x.character_id
  WHERE c.project_id IS DISTINCT FROM x.project_id $$);
SELECT pg_temp.set_aside('project_details', $$
  SELECT p.id, p.subtitle, p.presets, p.position_in_universe FROM projects AS p
  WHERE p.subtitle <> '' OR p.position_in_universe IS NOT NULL
     OR NOT jsonb_build_object('ageRange', p.age_range, 'template', p.template) @> p.presets $$);
SELECT pg_temp.set_aside('universes', $$
  SELECT u.* FROM universes AS u
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);
SELECT pg_temp.set_aside('project_links', $$
  SELECT p.id, p.universe_id FROM projects AS p JOIN universes AS u ON u.id = p.universe_id
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);
SELECT pg_temp.set_aside('character_links', $$
  SELECT c.id, c.universe_id FROM characters AS c JOIN universes AS u ON u.id = c.universe_id
  WHERE NOT pg_temp.untouched(u.name, u.description, u.book_presets, u.tags) $$);

-- In the reverse order of 015 to 010. No CASCADE anywhere: if somebody has built on one of these
-- since, this stops and takes nothing back.
DROP TABLE IF EXISTS outline_versions;
ALTER TABLE projects
  DROP COLUMN IF EXISTS position_in_universe,
  DROP COLUMN IF EXISTS presets,
  DROP COLUMN IF EXISTS subtitle,
  DROP COLUMN IF EXISTS universe_id;
ALTER TABLE characters DROP COLUMN IF EXISTS universe_id;
DROP TABLE IF EXISTS project_characters;
DROP TABLE IF EXISTS documents;
DROP TABLE IF EXISTS universes;
DROP TABLE IF EXISTS asset_files;
