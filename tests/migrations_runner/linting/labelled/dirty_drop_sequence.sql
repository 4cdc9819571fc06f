-- expect: drop-breaks-code@3
-- catalog: none
DROP SEQUENCE old_seq;
