-- expect: clean
-- catalog: nothing
UPDATE somewhere SET a = b WHERE c = 1;
