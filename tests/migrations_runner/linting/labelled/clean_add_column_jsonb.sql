-- expect: clean
-- catalog: none
ALTER TABLE IF EXISTS profiles ADD COLUMN IF NOT EXISTS prefs jsonb NOT NULL DEFAULT '{}'::jsonb;
