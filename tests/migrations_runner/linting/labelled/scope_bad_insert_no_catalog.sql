-- expect: insert-without-conflict-key@3
-- catalog: nothing
INSERT INTO rates (currency, rate) VALUES ('EUR', 1.08);
