-- expect: whole-table-write@3
-- catalog: none
UPDATE orders SET state = 'new' WHERE true;
