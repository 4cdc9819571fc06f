-- expect: drop-destroys-data@3
-- catalog: books
DROP TABLE chapters CASCADE;
