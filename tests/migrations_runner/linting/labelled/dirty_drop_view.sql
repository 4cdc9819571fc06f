-- expect: drop-breaks-code@3
-- catalog: none
DROP VIEW monthly_totals;
