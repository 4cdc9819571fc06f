-- expect: rename-breaks-code@3
-- catalog: none
ALTER SCHEMA app RENAME TO application;
