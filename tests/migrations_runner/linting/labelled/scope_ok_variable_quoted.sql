-- expect: clean
-- catalog: world
UPDATE projects SET title = :'title' WHERE user_id = :'user_id'::uuid;
