-- expect: detach-partition-blocks@3
-- catalog: books
ALTER TABLE events DETACH PARTITION events_2026_01;
