-- expect: outer-column-capture@5
-- catalog: nothing
CREATE TABLE books (id int, owner int); CREATE TABLE shelves (id int, account int);
UPDATE books SET id = 1 WHERE id IN (
  SELECT id FROM shelves WHERE owner = books.owner);
