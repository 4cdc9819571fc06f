-- expect: unknown-column@3
-- catalog: world
UPDATE projects SET status = archived WHERE page_count = 0;
