-- expect: outer-column-capture@4
-- catalog: world
WITH owners AS (SELECT account_id FROM universes)
SELECT title FROM projects WHERE user_id IN (SELECT user_id FROM owners);
