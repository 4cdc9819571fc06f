-- expect: clean
-- catalog: world
SELECT user_id FROM projects JOIN characters USING (user_id) WHERE projects.user_id = characters.user_id;
