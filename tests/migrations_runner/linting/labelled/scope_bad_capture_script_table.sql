-- expect: outer-column-capture@5
-- catalog: world
CREATE TABLE shelves (id uuid PRIMARY KEY, owner_id uuid, label text);
UPDATE projects SET status = 'archived' WHERE id IN (
  SELECT id FROM shelves WHERE user_id = projects.user_id);
