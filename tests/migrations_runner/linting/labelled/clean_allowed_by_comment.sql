-- expect: clean
-- catalog: none
-- rc: allow drop-destroys-data: emptied in release 41, nobody reads it
DROP TABLE old_orders;
