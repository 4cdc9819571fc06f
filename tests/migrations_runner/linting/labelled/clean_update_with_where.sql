-- expect: clean
-- catalog: none
UPDATE orders SET state = 'done' WHERE id = 5;
