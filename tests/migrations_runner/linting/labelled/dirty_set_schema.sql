-- expect: rename-breaks-code@3
-- catalog: none
ALTER TABLE books SET SCHEMA archive;
