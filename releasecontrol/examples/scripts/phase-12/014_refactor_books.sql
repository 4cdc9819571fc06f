-- Columns the new book page needs. Constant defaults are kept in the catalog: no row is rewritten,
-- and the old version, which does not name the columns, keeps inserting as before.

ALTER TABLE projects
  ADD COLUMN IF NOT EXISTS subtitle text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS presets jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS position_in_universe integer;

COMMENT ON COLUMN projects.presets IS
  'What this book sets for itself; what is missing comes from universes.book_presets.';
