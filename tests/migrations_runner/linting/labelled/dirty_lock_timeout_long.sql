-- expect: script-lifts-limits@3
-- catalog: none
SET lock_timeout = '30s';
ALTER TABLE books ADD COLUMN note text;
