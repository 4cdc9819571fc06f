-- expect: clean
-- catalog: books
ALTER TABLE events DETACH PARTITION events_2026_01 CONCURRENTLY;
