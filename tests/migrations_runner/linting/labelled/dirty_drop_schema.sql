-- expect: drop-destroys-data@3
-- catalog: none
DROP SCHEMA legacy CASCADE;
