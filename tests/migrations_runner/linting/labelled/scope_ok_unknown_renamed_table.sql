-- expect: clean
-- catalog: world
ALTER TABLE projects RENAME TO books;
UPDATE books SET title = trim(title) WHERE status = 'draft';
