-- expect: arbitrary-row-as-key@3
-- catalog: world
UPDATE assets SET project_id = (SELECT p.id FROM projects p WHERE p.status = 'draft' FETCH FIRST ROW ONLY) WHERE project_id IS NULL;
