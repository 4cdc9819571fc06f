-- expect: whole-table-write@3
-- catalog: none
DELETE FROM carts;
