-- expect: clean
-- catalog: world
SELECT title FROM projects WHERE user_id IN (SELECT user_id FROM characters WHERE part = 'lead');
