-- expect: duplicate-assignment@3
-- catalog: none
UPDATE orders SET state = 'a', state = 'b' WHERE id = 1;
