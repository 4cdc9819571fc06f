-- expect: clean
-- catalog: world
UPDATE projects SET page_count = :pages WHERE page_count < :least;
