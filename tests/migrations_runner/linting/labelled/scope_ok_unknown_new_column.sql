-- expect: clean
-- catalog: world
ALTER TABLE projects ADD COLUMN subtitle text;
UPDATE projects SET subtitle = title WHERE status = 'draft';
