-- expect: drop-destroys-data@3
-- catalog: none
DROP TABLE IF EXISTS old_orders;
