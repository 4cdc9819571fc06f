-- expect: type-change-rewrites@3
-- catalog: none
ALTER TABLE logs ALTER COLUMN payload TYPE jsonb USING payload::jsonb;
