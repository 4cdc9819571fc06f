-- expect: rename-breaks-code@3
-- catalog: none
ALTER VIEW totals RENAME TO sums;
