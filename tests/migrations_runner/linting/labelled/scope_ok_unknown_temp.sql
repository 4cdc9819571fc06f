-- expect: clean
-- catalog: world
CREATE TEMP TABLE owners AS SELECT DISTINCT user_id AS owner FROM projects;
DELETE FROM sessions WHERE user_id IN (SELECT owner FROM owners);
