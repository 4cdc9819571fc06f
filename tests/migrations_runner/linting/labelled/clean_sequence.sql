-- expect: clean
-- catalog: none
CREATE SEQUENCE order_numbers START 1000;
