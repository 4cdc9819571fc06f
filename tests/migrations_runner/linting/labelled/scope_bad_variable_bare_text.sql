-- expect: unquoted-variable@3
-- catalog: world
UPDATE projects SET title = :title WHERE page_count = 1;
