-- expect: drop-destroys-data@3
-- catalog: none
DROP DATABASE old_shop;
