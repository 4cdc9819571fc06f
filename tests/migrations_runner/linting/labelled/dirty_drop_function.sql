-- expect: drop-breaks-code@3
-- catalog: none
DROP FUNCTION total(integer);
