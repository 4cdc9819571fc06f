-- expect: type-change-rewrites@3
-- catalog: none
ALTER TABLE tokens ALTER COLUMN code TYPE uuid USING code::uuid;
