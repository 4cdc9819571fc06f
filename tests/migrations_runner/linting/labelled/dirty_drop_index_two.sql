-- expect: drop-index-blocks@3
-- catalog: none
DROP INDEX IF EXISTS a_idx, b_idx;
