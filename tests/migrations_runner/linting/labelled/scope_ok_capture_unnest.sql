-- expect: clean
-- catalog: world
SELECT id FROM universes WHERE EXISTS (SELECT FROM unnest(tags) AS tag WHERE tag = name);
